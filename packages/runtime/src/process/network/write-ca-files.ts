import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { GuestCaFile } from '@microsandbox/network';

/** Puts the certificates where the guest finds them, below `runtimeDir`; programs of any user may read them there. */
export async function writeCaFiles(runtimeDir: string, files: readonly GuestCaFile[]): Promise<void> {
  for (const { path, content } of files) {
    const file = join(runtimeDir, path);
    await mkdir(dirname(file), { recursive: true });
    // The folder around them is private; this process's mask is for its own files.
    await chmod(dirname(file), 0o755);
    if (content === null) {
      await rm(file, { force: true });
    } else {
      await writeFile(file, content);
      await chmod(file, 0o644);
    }
  }
}
