import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';

const { Sandbox } = await importSdk();

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

const builder = (name: string) => Sandbox.builder(name).image(made.reference);
const status = async (name: string) => (await Sandbox.get(name)).status;

it('an idle sandbox stops, one with a command does not', async () => {
  const sandbox = await builder('idle').idleTimeout(3).detached(true).create();
  const command = await sandbox.shell('sleep 6; echo done');
  expect(command.stdout()).toBe('done\n');
  expect(await status('idle')).toBe('running');
  // Looking whether it lives does not keep it alive.
  await expect
    .poll(
      async () => {
        await sandbox.ping().catch(() => {});
        return status('idle');
      },
      { timeout: 30_000, interval: 300 },
    )
    .toBe('stopped');
  await Sandbox.remove('idle');
});

it('a sandbox ends at its maximum duration, whatever it does', async () => {
  const sandbox = await builder('short').maxDuration(6).detached(true).create();
  await expect(sandbox.shell('sleep 100')).rejects.toThrow();
  await expect.poll(() => status('short'), { timeout: 10_000 }).toBe('stopped');
  await Sandbox.remove('short');
});

it('a draining sandbox ends, and waiting for it ends too', async () => {
  const sandbox = await builder('drained').create();
  const ended = sandbox.waitUntilStopped();
  await sandbox.requestDrain();
  expect(await ended).toMatchObject({ status: 'stopped', exitCode: 0 });
  await expect.poll(() => status('drained'), { timeout: 5000 }).toBe('stopped');
  await Sandbox.remove('drained');
});
