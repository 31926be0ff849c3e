import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, runCommand } from '@microsandbox/test-utils';
import { expect } from 'vitest';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { unmount } from './kernel-mount.ts';

const run = promisify(execFile);

/** Why e2fsck and debugfs can't be asked here, or null. */
export const noE2fsprogs: string | null =
  (await findProgram('e2fsck')) === null || (await findProgram('debugfs')) === null
    ? 'e2fsck or debugfs is not installed (Debian package e2fsprogs)'
    : null;

/** Why this machine's kernel can't be asked, or null. */
export const noExt4Mount: string | null = await findObstacle();

for (const reason of [noE2fsprogs, noExt4Mount]) if (reason !== null) console.error(`SKIPPED: ${reason}`);

/** Lets the kernel mount an ext4 image at a folder while `use` runs. */
export async function withExt4<T>(
  image: string,
  folder: string,
  options: string,
  use: () => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true });
  await run('mount', ['-t', 'ext4', '-o', `loop,${options}`, image, folder], { timeout: 30_000 });
  try {
    return await use();
  } finally {
    await unmount(image, folder);
  }
}

/** Everything that was written is in the file behind the mount, but much of it only in the journal. */
export async function syncMount(folder: string): Promise<void> {
  await run('sync', ['-f', folder], { timeout: 30_000 });
}

/** A copy of an image as a crash would leave it. */
export async function copySparse(from: string, to: string): Promise<void> {
  await run('cp', ['--sparse=always', from, to], { timeout: 60_000 });
}

/** e2fsck finds nothing to repair. */
export async function expectClean(image: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand('e2fsck', ['-fn', image], { env: sbin() });
  expect(code, `${stdout}${stderr}`).toBe(0);
}

/** e2fsck repairs the image (1) or finds nothing (0). */
export async function repair(image: string, options: readonly string[] = ['-fy']): Promise<void> {
  const { code, stdout } = await runCommand('e2fsck', [...options, image], { env: sbin() });
  expect([0, 1], stdout.toString()).toContain(code);
}

/** Requests to debugfs, one a line, that may change the image. */
export async function debugfs(image: string, requests: string): Promise<string> {
  const { stdout, stderr } = await runCommand('debugfs', ['-w', '-f', '-', image], {
    env: sbin(),
    input: requests,
  });
  return `${stdout.toString('latin1')}${stderr}`;
}

export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await handle.close();
  }
}

export async function writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, offset);
  } finally {
    await handle.close();
  }
}

/** Whether the superblock says that the journal is to be replayed. */
export async function needsRecovery(path: string): Promise<boolean> {
  return ((await readAt(path, 1024 + 0x60, 4)).readUInt32LE(0) & 4) !== 0;
}

function sbin(): NodeJS.ProcessEnv {
  return { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
}

async function findObstacle(): Promise<string | null> {
  if (process.platform !== 'linux') return 'no Linux kernel to mount ext4 images with';
  if (process.getuid?.() !== 0) return 'mounting ext4 images needs root';
  const dir = await mkdtemp(join(tmpdir(), 'msb-mount-'));
  try {
    await createUpperDisk({ path: join(dir, 'image'), sizeMib: 8 });
    await withExt4(join(dir, 'image'), join(dir, 'mount'), 'ro', async () => undefined);
    return null;
  } catch (error) {
    return `this machine cannot mount ext4 images: ${String(error)}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
