import { join } from 'node:path';
import type { IsolatedHome } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { msb } from './support/consumer.ts';
import { expectNoProcessOf, pathsNaming } from './support/leftovers.ts';

let made: BusyboxHome;
let home: IsolatedHome;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home } = made);
  env = { ...home.env, MSB_WARM: 'off' };
});

afterAll(() => made[Symbol.asyncDispose]());

it('boots an empty sandbox, shows the phases, and leaves nothing of it', async () => {
  const traced = { ...env, MSB_BOOT_TRACE: '1' };
  const { code, stdout, stderr } = await msb(['doctor', '--boot', '--fix', '--format', 'json'], {
    env: traced,
  });
  const report = JSON.parse(stdout.toString());
  expect(report.checks.filter(({ status }: { status: string }) => status === 'problem')).toEqual([]);
  expect(code).toBe(0);
  expect(report.boot.phasesMs.kernel).toBeGreaterThan(0);
  const phases = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).phase);
  expect(phases).toEqual(expect.arrayContaining(['image', 'disks', 'spawn', 'vmm', 'agent', 'ready']));
  const listed = await Promise.all(
    [['ls'], ['image', 'ls']].map((args) => msb([...args, '--format', 'json'], { env })),
  );
  expect(listed.map((result) => JSON.parse(result.stdout.toString()))).toEqual([[], []]);
  await expectNoProcessOf(home.path);
  expect(await pathsNaming(join(home.path, 'run'), '.sock')).toEqual([]);
});

it('emulation is said once per home and boot', async (context) => {
  const run = () => msb(['run', made.reference, '--', 'true'], { env });
  const { boot } = JSON.parse(
    (await msb(['doctor', '--boot', '--format', 'json'], { env })).stdout.toString(),
  );
  if (boot.vmm.accelerator !== 'tcg') context.skip('this machine does not emulate');
  expect((await run()).stderr).toMatch(/^warn: expect sandboxes to be slow: .*msb doctor/m);
  expect((await run()).stderr).not.toContain('warn:');
});

it('counts the processes of sandboxes that run', async () => {
  expect((await msb(['create', '-q', '-n', 'counted', made.reference], { env })).code).toBe(0);
  const { checks } = JSON.parse((await msb(['doctor', '--format', 'json'], { env })).stdout.toString());
  expect(checks).toContainEqual(
    expect.objectContaining({ name: 'processes', value: '1 sandbox processes, none left over' }),
  );
  await msb(['rm', '-q', '-f', 'counted'], { env });
});
