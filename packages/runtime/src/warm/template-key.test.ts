import { copyFile, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { templateKey } from './template-key.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-'));
  program = join(folder, 'qemu');
  await copyFile(process.execPath, program);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const spec = {
  kernelPath: '/cache/kernel/0123456789abcdef0123.elf',
  initramfsPath: '/cache/initramfs/fedcba9876543210fedc.cpio',
  commandLine: ['quiet', 'tsc_khz=2000'],
  accelerator: 'tcg' as const,
  memoryMib: 512,
  cpus: 1,
  disks: [],
  ports: ['agent'],
};
const root = {
  id: 'root',
  path: '/root.vmdk',
  format: 'vmdk' as const,
  readOnly: true,
  sync: 'full' as const,
};

it('is one for all that can wake from the same template', async () => {
  const key = await templateKey(program, spec);
  expect(key).toMatch(/^[\w.-]+$/);
  expect(await templateKey(program, { ...spec, disks: [root] })).toBe(key);
});

it.each([
  ['kernel', { kernelPath: '/cache/kernel/1123456789abcdef0123.elf' }],
  ['initramfs', { initramfsPath: '/cache/initramfs/edcba9876543210fedc.cpio' }],
  ['kernel parameter', { commandLine: ['quiet', 'tsc_khz=2001'] }],
  ['accelerator', { accelerator: 'kvm' as const }],
  ['memory', { memoryMib: 513 }],
  ['processor count', { cpus: 2 }],
  ['class of ports', { ports: ['agent', 'fs.0'] }],
])('differs with another %s', async (_, change) => {
  expect(await templateKey(program, { ...spec, ...change })).not.toBe(await templateKey(program, spec));
});

it('differs with another QEMU, also one that was installed over the first', async () => {
  const before = await templateKey(program, spec);
  const other = join(folder, 'other');
  await copyFile(program, other);
  expect(await templateKey(other, spec)).not.toBe(before);
  await utimes(program, 1, 1);
  expect(await templateKey(program, spec)).not.toBe(before);
});
