import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, mustRun, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, msb } from './support/consumer.ts';
import { processesNaming } from './support/leftovers.ts';

/** Part of every sandbox's name, by which the processes of this run are known. */
const mark = `restart-${process.pid}`;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

async function mustMsb(...args: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await msb(args, { env: made.home.env });
  if (code !== 0) throw new Error(`msb ${args.join(' ')} exited with ${code}: ${stderr}`);
  return stdout.toString();
}

/** Ends everything that belongs to the home as a power cut would: at once, and nobody writes anything down. */
async function cutPower(): Promise<void> {
  const running = async () => [
    ...(await processesNaming(made.home.path)),
    ...(await processesNaming(`microsandbox ${mark}-`)),
  ];
  const pids = await running();
  expect(pids.length).toBeGreaterThanOrEqual(4);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Its parent took it along.
    }
  }
  await expect.poll(running, { timeout: 10_000 }).toEqual([]);
}

/** After a restart other processes bear the pids; those here are of one that began long after the runs. */
async function reusePids(): Promise<void> {
  const { default: Database } = await import(
    createRequire(join(consumer, 'package.json')).resolve('better-sqlite3')
  );
  const db = new Database(join(made.home.path, 'db/msb.db'));
  db.prepare(
    `UPDATE run SET pid = ?, started_at = '2020-01-01 00:00:00.000000000' WHERE status = 'Running'`,
  ).run(process.pid);
  db.close();
}

it('after a restart of the machine all are stopped or crashed, and start with their data', async (context) => {
  const unshare = await findProgram('unshare');
  const folder = await mkdtemp(join(tmpdir(), 'msb-'));
  const otherBootId = join(folder, 'boot_id');
  await writeFile(otherBootId, '11111111-2222-4333-8444-555555555555\n');
  /** `msb` on a machine that calls itself newly started. */
  const restarted = (...args: readonly string[]) =>
    runCommand(
      unshare as string,
      [
        ...['-m', 'sh', '-c', `mount --bind "$0" ${BOOT_ID} && exec "$@"`, otherBootId],
        ...[join(consumer, 'node_modules/.bin/msb'), ...args],
      ],
      { env: made.home.env, timeoutMs: 120_000 },
    );
  try {
    const probe = unshare === null ? null : await restarted('--version');
    if (probe?.code !== 0) context.skip('needs root and unshare, to change what the boot is called');
    for (const name of [`${mark}-a`, `${mark}-b`, `${mark}-off`]) {
      await mustMsb('create', '-q', '-n', name, made.reference);
      await mustMsb('exec', name, '--', 'sh', '-c', `echo ${name} > /root/kept; sync`);
    }
    await mustMsb('stop', '-q', `${mark}-off`);
    await cutPower();
    await reusePids();

    const listed = await restarted('ls', '--format', 'json');
    expect(listed.code, listed.stderr).toBe(0);
    const rows = JSON.parse(listed.stdout.toString()) as { name: string; status: string }[];
    expect(rows.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
      `${mark}-a Crashed`,
      `${mark}-b Crashed`,
      `${mark}-off Stopped`,
    ]);
    for (const { name } of rows) {
      const started = await restarted('start', name);
      expect(started.code, started.stderr).toBe(0);
      expect(await mustMsb('exec', name, '--', 'cat', '/root/kept')).toBe(`${name}\n`);
      await mustMsb('stop', '-q', name);
      await mustRun('/usr/sbin/e2fsck', ['-fn', join(made.home.path, 'sandboxes', name, 'upper.ext4')]);
      await mustMsb('rm', '-q', name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
