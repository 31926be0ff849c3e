import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';

const { Sandbox, WarmBoot } = await importSdk();

/** Few in the ordinary run; `npm run torture` asks for 50. */
const CREATES = Number(process.env['MSB_TORTURE_CREATES'] ?? 10);
const AT_ONCE = 6;

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

/** Wakes a sandbox and writes its name on its disk. */
async function wake(name: string): Promise<SandboxType> {
  const sandbox = await Sandbox.builder(name).image(made.reference).create();
  expect(sandbox.boot).toMatchObject({ boot: 'warm' });
  expect((await sandbox.shell('ls /root')).stdout()).toBe('');
  expect((await sandbox.shell(`echo ${name} > /root/${name}`)).code).toBe(0);
  return sandbox;
}

/** What was written is there and nothing else, and the disk is clean after the end. */
async function endClean(sandbox: SandboxType): Promise<void> {
  const { name } = sandbox;
  expect((await sandbox.shell('cd /root; ls; cat *')).stdout()).toBe(`${name}\n${name}\n`);
  await sandbox.stop();
  await mustRun('/usr/sbin/e2fsck', ['-fn', join(made.home.path, 'sandboxes', name, 'upper.ext4')]);
  await Sandbox.remove(name);
}

/** The template’s files do not change, however many wake from it. */
async function templateBytes(): Promise<string> {
  const [template] = await WarmBoot.list();
  const folder = join(made.home.path, 'cache/warm', template?.key ?? 'none');
  const { stdout } = await mustRun('sha256sum', [join(folder, 'memory'), join(folder, 'state')]);
  expect(await readFile(join(folder, 'meta.json'), 'utf8')).toContain(template?.key);
  return stdout.toString();
}

it(`${CREATES} sandboxes wake from one template, one after another`, async () => {
  const before = await templateBytes();
  for (let index = 0; index < CREATES; index += 1) await endClean(await wake(`row${index}`));
  expect(await templateBytes()).toBe(before);
}, 600_000);

it(`${AT_ONCE} sandboxes wake from one template at once`, async () => {
  const names = Array.from({ length: AT_ONCE }, (_, index) => `once${index}`);
  const sandboxes = await Promise.all(names.map(wake));
  await Promise.all(sandboxes.map(endClean));
});
