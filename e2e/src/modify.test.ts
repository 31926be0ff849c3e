import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';

const { Sandbox } = await importSdk();
const name = 'growing';

let setUp: BusyboxHome;
beforeAll(async () => {
  setUp = await startBusyboxHome();
});
afterAll(async () => {
  await setUp?.[Symbol.asyncDispose]();
});

it('a root disk grows, stopped or with a restart, and keeps what is on it', async () => {
  const upper = join(setUp.home.path, 'sandboxes', name, 'upper.ext4');
  const sandbox = await Sandbox.builder(name).image(setUp.reference).rootDisk(256).create();
  await sandbox.shell('echo kept > /root/file; sync');
  await expect(sandbox.modify({ rootDiskSize: 512 })).rejects.toThrow('root_disk_size requires restart');
  await sandbox.modify({ rootDiskSize: 512, policy: 'next_start' });
  // The machine is killed, so the disk grows with a journal that was not replayed.
  await sandbox.kill();
  await using started = await Sandbox.start(name);
  expect(await sizeMibOf(started)).toBeGreaterThan(400);
  expect((await started.shell('cat /root/file')).stdout()).toBe('kept\n');
  await started.stop();
  await mustRun('/usr/sbin/e2fsck', ['-fn', upper]);

  const stopped = await Sandbox.get(name);
  expect(await stopped.modify({ rootDiskSize: 1024 })).toMatchObject({ applied: true });
  await mustRun('/usr/sbin/e2fsck', ['-fn', upper]);
  await using again = await stopped.start();
  expect(await sizeMibOf(again)).toBeGreaterThan(850);
  await again.modify({ rootDiskSize: 1536, policy: 'restart' });
  const restarted = await (await Sandbox.get(name)).connect();
  expect(await sizeMibOf(restarted)).toBeGreaterThan(1300);
  expect((await restarted.shell('cat /root/file')).stdout()).toBe('kept\n');
  await restarted.stop();
  await mustRun('/usr/sbin/e2fsck', ['-fn', upper]);
  await Sandbox.remove(name);
});

/** Size of the guest's root file system, as `df` tells it. */
async function sizeMibOf(sandbox: { shell(script: string): Promise<{ stdout(): string }> }): Promise<number> {
  const output = await sandbox.shell('df -m / | tail -n 1');
  return Number(output.stdout().trim().split(/\s+/).at(1));
}
