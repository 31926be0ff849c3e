import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a `config.json` that lets plain HTTP reach the given registries. */
export async function allowPlainHttp(home: string, ...hosts: string[]): Promise<void> {
  const entries = hosts.map((host) => [host, { insecure: true }]);
  await writeFile(
    join(home, 'config.json'),
    JSON.stringify({ registries: { hosts: Object.fromEntries(entries) } }),
  );
}
