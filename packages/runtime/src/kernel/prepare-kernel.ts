import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addon } from '@microsandbox/native';
import { contentDigest } from '../files/content-digest.ts';
import { writePartsAtomic } from '../files/write-parts-atomic.ts';
import { pvhElfHeader } from './pvh-elf-header.ts';

/** The bootable form of a library's kernel: `kernel/<SHA-256 of the library>.elf` in the cache. */
export async function prepareKernel(libkrunfwPath: string, cacheDir: string): Promise<string> {
  const folder = join(cacheDir, 'kernel');
  const digest = await contentDigest(libkrunfwPath, join(folder, 'by-file'));
  const elfPath = join(folder, `${digest}.elf`);
  if (await isReadable(elfPath)) return elfPath;
  const kernel = await addon().extractKernel(libkrunfwPath);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePartsAtomic(elfPath, [pvhElfHeader(kernel), kernel.image]);
  return elfPath;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
