import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, msb } from './support/consumer.ts';
import { allowPlainHttp } from './support/host-config.ts';

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

it('a full disk is told to who needs it, and harms nothing', async (context) => {
  const home = await mkdtemp(join(tmpdir(), 'msb-'));
  const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', home]);
  if (mounted.code !== 0) context.skip(`can't mount a tmpfs here: ${mounted.stderr.trim()}`);
  const env = { ...made.home.env, MSB_HOME: home, MSB_WARM: 'off' };
  const run = (...args: readonly string[]) => msb(args, { env });
  const must = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr, stdout } = await run(...args);
    expect(code, `msb ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout.toString();
  };
  const states = async () =>
    (JSON.parse(await must('ls', '--format', 'json')) as { name: string; status: string }[])
      .map(({ name, status }) => `${name} ${status}`)
      .toSorted();
  const filling = join(home, 'filling');
  /** Leaves not one byte to anybody. */
  const fill = () => runCommand('dd', ['if=/dev/zero', `of=${filling}`, 'bs=4k']);
  try {
    await allowPlainHttp(home, made.registry.host);
    for (const name of ['writer', 'other']) {
      await must('create', '-q', '-n', name, made.reference);
      await must('exec', name, '--', 'sh', '-c', 'echo kept > /root/kept; sync');
    }
    await fill();

    // A create fails with the reason, and leaves nothing.
    const refused = await run('create', '-q', '-n', 'late', made.reference);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^error: .*no space left|^error: .*disk is full/im);
    expect(refused.stderr).not.toMatch(/\n\s+at .*\.[cm]?[jt]s:\d+/);
    expect(await states()).toEqual(['other Running', 'writer Running']);

    // A program that writes gets an error; it does not hang, nor does what runs beside it.
    const script = 'dd if=/dev/zero of=/root/big bs=1M count=64 conv=fsync';
    const wrote = await run('exec', 'writer', '--', 'sh', '-c', script);
    expect(wrote.code, wrote.stderr).not.toBe(0);
    expect(wrote.stderr).toMatch(/Input\/output error|No space left|Read-only/i);
    expect(await must('exec', 'other', '--', 'cat', '/root/kept')).toBe('kept\n');

    // Output goes on to who waits for it, though the log can't take it.
    const loud = await must('exec', 'other', '--', 'sh', '-c', 'yes lost | head -c 300000');
    expect(loud).toHaveLength(300_000);
    expect(await states()).toEqual(['other Running', 'writer Running']);

    await rm(filling);
    await must('exec', 'other', '--', 'echo', 'after');
    await expect
      .poll(
        async () => {
          await must('exec', 'other', '--', 'echo', 'logged again');
          return (await must('logs', '--tail', '1', 'other')).trim();
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe('logged again');
    const log = await readFile(join(home, 'sandboxes/other/logs/exec.log'), 'utf8');
    for (const line of log.trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
    await must('create', '-q', '-n', 'late', made.reference);
    await must('rm', '-q', '-f', 'late');

    for (const name of ['writer', 'other']) {
      await must('stop', '-q', name);
      await must('start', '-q', name);
      expect(await must('exec', name, '--', 'cat', '/root/kept')).toBe('kept\n');
      await must('stop', '-q', name);
      await mustRun('/usr/sbin/e2fsck', ['-fn', join(home, 'sandboxes', name, 'upper.ext4')]);
    }
    await expectSoundCatalog(join(home, 'db/msb.db'));
  } finally {
    for (const name of ['writer', 'other', 'late']) await run('rm', '-q', '-f', name);
    await mustRun('umount', ['-l', home]);
    await rm(home, { recursive: true, force: true });
  }
});

async function expectSoundCatalog(path: string): Promise<void> {
  const { default: Database } = await import(
    createRequire(join(consumer, 'package.json')).resolve('better-sqlite3')
  );
  const db = new Database(path, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(db.prepare(`SELECT COUNT(*) FROM run WHERE status = 'Running'`).pluck().get()).toBe(0);
  db.close();
}
