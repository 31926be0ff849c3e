import { rename, rm, writeFile } from 'node:fs/promises';
import type { BootErrorRecord } from '@microsandbox/types';

/** Writes `boot-error.json`: under a temporary name, then renamed (spec: state 16). */
export async function writeBootError(path: string, record: BootErrorRecord): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeFile(temporary, JSON.stringify(record, null, 2), { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export async function removeBootError(path: string): Promise<void> {
  await rm(path, { force: true });
}
