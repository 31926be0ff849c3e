import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk } from './support/consumer.ts';
import { expectNoProcessOf } from './support/leftovers.ts';

const { Sandbox } = await importSdk();

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

/** A program of a user that makes a sandbox, goes on with it as `then` says, and comes to its end or is killed. */
async function inAnotherProcess(name: string, how: string, then: string): Promise<void> {
  const program = `
    import { Sandbox } from 'microsandbox';
    const sandbox = await Sandbox.builder('${name}').image('${made.reference}')${how}.create();
    await sandbox.shell('echo kept > /root/kept');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: consumer,
    env: made.home.env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = await once(child, 'close');
  expect(signal ?? code).toBe(then.includes('SIGKILL') ? 'SIGKILL' : 0);
}

it.each([
  ['made detached', '.detached(true)', ''],
  ['made detached, its maker killed', '.detached(true)', `process.kill(process.pid, 'SIGKILL');`],
  ['detached later', '', 'await sandbox.detach();'],
])('a sandbox %s outlives its maker and is found by its name', async (_, how, then) => {
  await inAnotherProcess('kept', how, then);
  const handle = await Sandbox.get('kept');
  expect(handle.status).toBe('running');
  const sandbox = await handle.connect();
  expect((await sandbox.shell('cat /root/kept')).stdout()).toBe('kept\n');
  await handle.stop();
  await Sandbox.remove('kept');
  await expectNoProcessOf(made.home.path);
});

it.each([
  ['comes to its end', ''],
  ['is killed', `process.kill(process.pid, 'SIGKILL');`],
])('an attached sandbox ends, in order, when its maker %s', async (_, then) => {
  await inAnotherProcess('bound', '', then);
  await expect
    .poll(async () => (await Sandbox.get('bound')).status, { timeout: 20_000, interval: 100 })
    .toBe('stopped');
  await using sandbox = await Sandbox.start('bound');
  expect((await sandbox.shell('cat /root/kept')).stdout()).toBe('kept\n');
  await sandbox.stop();
  await Sandbox.remove('bound');
});
