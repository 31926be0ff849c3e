import { readdir, stat, writeFile } from 'node:fs/promises';
import { sandboxConfigSchema } from '@microsandbox/types';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { growRootDisk } from './grow-root-disk.ts';
import { prepareDisks } from './prepare-disks.ts';
import { type SandboxPlace, sandboxPlace } from './sandbox-place.ts';

const MIB = 1024 * 1024;
let home: TestHome;
let place: SandboxPlace;
beforeEach(async () => {
  home = await testHome();
  place = await sandboxPlace(home.backend, 'box');
});
afterEach(() => home[Symbol.asyncDispose]());

const config = (size_mib?: number) =>
  sandboxConfigSchema.parse({
    name: 'box',
    image: { Oci: { reference: 'a', root_disk: { kind: 'managed', ...(size_mib && { size_mib }) } } },
    resources: { cpus: 1, memory_mib: 512 },
  });
const sizeMib = async () => (await stat(place.paths.upperDisk)).size / MIB;

it('grows a disk to the size of its configuration, once', async () => {
  await growRootDisk(place, config(64));
  await prepareDisks(place, config(64), { image: null });
  const { ino } = await stat(place.paths.upperDisk);
  for (const size of [64, 32, 66, undefined]) await growRootDisk(place, config(size));
  expect((await stat(place.paths.upperDisk)).ino).toBe(ino);
  await growRootDisk(place, config(200));
  expect(await sizeMib()).toBe(200);
  expect((await stat(place.paths.upperDisk)).mode & 0o777).toBe(0o600);
});

it('replaces what a growth that was cut short left behind', async () => {
  await prepareDisks(place, config(64), { image: null });
  await writeFile(`${place.paths.upperDisk}.growing`, 'half');
  await growRootDisk(place, config(128));
  expect(await sizeMib()).toBe(128);
  expect(await readdir(place.paths.dir)).toEqual(['upper.ext4']);
});

it('leaves a disk as it was when it cannot grow', async () => {
  await prepareDisks(place, config(64), { image: null });
  await expect(growRootDisk(place, config(2 ** 22))).rejects.toMatchObject({ code: 'invalidConfig' });
  await writeFile(place.paths.upperDisk, Buffer.alloc(MIB));
  await expect(growRootDisk(place, config(64))).rejects.toThrow('ext4');
  expect(await sizeMib()).toBe(1);
  expect(await readdir(place.paths.dir)).toEqual(['upper.ext4']);
});
