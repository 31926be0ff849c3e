import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/** Absolute path of a program on `PATH` or in the system's `sbin` folders, or null. */
export async function findProgram(name: string): Promise<string | null> {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin');
  for (const folder of folders.filter(Boolean)) {
    const candidate = join(folder, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}
