import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxPlace } from './sandbox-place.ts';

/** Writes the sandbox's scripts where the guest finds them, executable. Names were checked before. */
export async function writeScripts(
  { paths }: SandboxPlace,
  scripts: Readonly<Record<string, string>>,
): Promise<void> {
  await mkdir(paths.logsDir, { recursive: true, mode: 0o700 });
  await mkdir(paths.scriptsDir, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(scripts)) {
    const path = join(paths.scriptsDir, name);
    await writeFile(path, content, { mode: 0o755 });
    await chmod(path, 0o755);
  }
}
