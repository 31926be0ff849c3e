import { rename, rm, writeFile } from 'node:fs/promises';
import type { BootErrorRecord } from '@microsandbox/types';

/** Writes `boot-error.json`: under a temporary name, then renamed (spec: state 16). */
export async function writeBootError(path: string, record: BootErrorRecord): Promise<void> {
  await writeFile(`${path}.tmp`, JSON.stringify(record, null, 2), { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

export async function removeBootError(path: string): Promise<void> {
  await rm(path, { force: true });
}
