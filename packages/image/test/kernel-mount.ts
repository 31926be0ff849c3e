import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep } from '@microsandbox/utils';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { createDirectory } from '../src/tree/nodes.ts';

const run = promisify(execFile);

/** Why this machine's kernel can't be asked, or null. */
export const noKernelMount: string | null = await findObstacle();

if (noKernelMount !== null) console.error(`SKIPPED: ${noKernelMount}`);

/** Lets the kernel mount an EROFS image read-only at a folder while `use` runs. */
export async function withMount<T>(image: string, folder: string, use: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  await run('mount', ['-t', 'erofs', '-o', 'ro,loop', image, folder], { timeout: 20_000 });
  try {
    return await use();
  } finally {
    await unmount(image, folder);
  }
}

/**
 * Unmounts an image and waits until the kernel has let go of it. A program that made a mount namespace meanwhile has the
 * mount too: while it runs, the image is not clean, and its loop device would be used again with what it knows.
 */
export async function unmount(image: string, folder: string): Promise<void> {
  await run('umount', [folder], { timeout: 30_000 });
  const deadline = performance.now() + 60_000;
  while ((await isAttached(image)) && performance.now() < deadline) await sleep(20);
}

/** Whether a loop device stands on a file. */
async function isAttached(image: string): Promise<boolean> {
  const path = await realpath(image);
  for (const device of await readdir('/sys/block')) {
    if (!device.startsWith('loop')) continue;
    // Of a free device there is no such file.
    const file = await readFile(`/sys/block/${device}/loop/backing_file`, 'utf8').catch(() => '');
    if (file.trim() === path) return true;
  }
  return false;
}

async function findObstacle(): Promise<string | null> {
  if (process.platform !== 'linux') return 'no Linux kernel to mount EROFS images with';
  if (process.getuid?.() !== 0) return 'mounting EROFS images needs root';
  const dir = await mkdtemp(join(tmpdir(), 'msb-mount-'));
  try {
    await writeErofs({ root: createDirectory() }, join(dir, 'image'));
    await withMount(join(dir, 'image'), join(dir, 'mount'), async () => undefined);
    return null;
  } catch (error) {
    return `this machine cannot mount EROFS images: ${String(error)}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
