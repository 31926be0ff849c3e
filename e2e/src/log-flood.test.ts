import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk } from './support/consumer.ts';
import { sandboxProcess } from './support/sandbox-process.ts';

const { Sandbox } = await importSdk();

/** Few in the ordinary run; `npm run torture` asks for 200. */
const FLOOD_MIB = Number(process.env['MSB_TORTURE_LOG_MIB'] ?? 32);
/** Printed before memory is measured, so that every buffer and cache has its size. */
const WARM_UP_MIB = 16;

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

/** Largest memory that a process ever had, in mebibytes. */
async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** Prints so much in the guest; says how much came. */
async function print(sandbox: SandboxType, mib: number): Promise<number> {
  let bytes = 0;
  const handle = await sandbox.shellStream(`yes 'a line of a program' | head -c ${mib << 20}`);
  for await (const event of handle) if (event.kind === 'stdout') bytes += event.data.length;
  return bytes;
}

it(`${FLOOD_MIB} MiB printed by a guest keep the memory of writer and reader flat`, async () => {
  await using sandbox = await Sandbox.builder('flood').image(made.reference).create();
  const reader = spawn(
    join(consumer, 'node_modules/.bin/msb'),
    ['logs', '-f', '--source', 'stdout', 'flood'],
    {
      env: made.home.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const closed = once(reader, 'close');
  let read = 0;
  reader.stdout.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  const pids = [await sandboxProcess(made.home.path, 'flood'), reader.pid as number];
  let printed = 0;
  const flood = async (mib: number): Promise<number[]> => {
    expect(await print(sandbox, mib)).toBe(mib << 20);
    printed += mib << 20;
    await expect.poll(() => read, { timeout: 120_000, interval: 50 }).toBe(printed);
    return await Promise.all(pids.map(peakMib));
  };
  const before = await flood(WARM_UP_MIB);
  const after = await flood(FLOOD_MIB);
  const growth = after.map((mib, index) => mib - (before[index] as number));
  expect(Math.max(...growth)).toBeLessThan(Math.max(24, FLOOD_MIB / 4));
  await sandbox.stop();
  expect(await closed).toEqual([0, null]);
}, 600_000);
