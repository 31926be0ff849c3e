import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, tarFolder, writeOciLayout } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';
import { processesIn } from './support/processes-in.ts';
import { startShiftedClock } from './support/shifted-clock.ts';

const { Sandbox, Image } = await importSdk();

/** Looking through all processes takes a while on an emulated machine. */
const SLOWLY = { timeout: 20_000, interval: 250 };

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

const builder = (name: string) => Sandbox.builder(name).image(made.reference);

describe('a program of the image as process 1', () => {
  it('gets its arguments, its environment and the orphans; commands work beside it', async () => {
    const box = await builder('init')
      .initWith('/bin/sh', (init) =>
        init
          .args(['-c', 'echo "$$ $MARK $0 $1" > /init-ran; while :; do sleep 1; done', 'zero', 'one'])
          .env('MARK', 'yes'),
      )
      .create();
    // Process 1 starts when the agent is ready.
    const ran = async () => (await box.shell('cat /init-ran')).stdout();
    await expect.poll(ran, { timeout: 20_000 }).toBe('1 yes zero one\n');
    expect((await box.shell('cat /proc/1/comm')).stdout()).toBe('sh\n');
    expect((await box.shell('cat /run/microsandbox/agentd.log')).code).toBe(0);
    expect(Number((await box.shell('echo $PPID')).stdout())).toBeGreaterThan(1);
    await box.shell('echo kept > /kept; sync');
    await box.stop();
    await using again = await Sandbox.start('init');
    expect((await again.shell('cat /kept')).stdout()).toBe('kept\n');
    await again.stop();
    await Sandbox.remove('init');
  });

  it('may be an init that knows how to power off', async () => {
    const inittab = '::sysinit:/bin/true\n::respawn:/bin/sleep 1000\n';
    const box = await builder('busybox-init')
      .patch((patch) => patch.text('/etc/inittab', inittab, { replace: true }))
      .init('/bin/init')
      .create();
    const comm = async () => (await box.shell('cat /proc/1/comm')).stdout();
    await expect.poll(comm, { timeout: 20_000 }).toBe('init\n');
    await expect.poll(() => processesIn(box, 'sleep 1000'), SLOWLY).toBe(1);
    await box.stop();
    await Sandbox.remove('busybox-init');
  });

  it('ends the sandbox with a power-off, as any program that may', async () => {
    const box = await builder('halting').create();
    // The program never ends; its machine does.
    const pending = box.shell('sync; busybox poweroff -f; sleep 1000');
    await expect(pending).rejects.toMatchObject({ code: 'agentLost' });
    const status = async () => (await Sandbox.get('halting')).status;
    await expect.poll(status, SLOWLY).toBe('stopped');
    await Sandbox.remove('halting');
  });

  it('may lose the agent, which ends the sandbox and whatever waits for it', async () => {
    vi.stubEnv('MSB_SHUTDOWN_FLUSH_TIMEOUT_MS', '1000');
    const box = await builder('orphan')
      .initWith('/bin/sh', (init) => init.args(['-c', 'while :; do sleep 1; done']))
      .create();
    vi.unstubAllEnvs();
    const pending = box.shell('kill -9 $PPID; sleep 1000');
    await expect(pending).rejects.toMatchObject({ code: 'agentLost' });
    const status = async () => (await Sandbox.get('orphan')).status;
    await expect.poll(status, SLOWLY).not.toBe('running');
    await Sandbox.remove('orphan');
  });

  it('is told when it cannot be', async () => {
    const env = made.home.env;
    const missing = await msb(['run', '--init', '/no/init', made.reference, '--', 'true'], { env });
    expect(missing.code).toBe(1);
    expect(missing.stderr.toString()).toContain('/no/init is not an executable file');
    const relative = await msb(['run', '--init', 'init', made.reference, '--', 'true'], { env });
    expect(relative.stderr.toString()).toContain('--init must be an absolute path or `auto`, got: init');
    const alone = await msb(['run', '--init-arg', 'x', made.reference, '--', 'true'], { env });
    expect(alone.code).toBe(2);
  });

  it('runs the command itself when the image’s entrypoint is one', async () => {
    const script = '#!/bin/sh\necho "init $$ got $* from $MARK"\n/bin/busybox reboot -f\n';
    const reference = 'localhost/with-init';
    const folder = await mkdtemp(join(tmpdir(), 'msb-init-'));
    try {
      await writeFile(join(folder, 'init'), script, { mode: 0o755 });
      const layers = [await busyboxLayer(), await tarFolder(folder)];
      const config = { Entrypoint: ['/init', '/wrapper'], Cmd: ['serve'], Env: ['MARK=image'] };
      await writeOciLayout(join(folder, 'layout'), buildTestImage({ layers, config }), reference);
      await Image.importLayout(join(folder, 'layout'), { reference });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const { env } = made.home;
    const run = (...args: string[]) => msb(['run', '--init', 'auto', ...args], { env });
    const given = await run(reference, '--', 'some', 'words');
    expect(given.stdout.toString()).toContain('init 1 got /wrapper some words from image\r\n');
    expect(given.code).toBe(0);
    const own = await run('-e', 'MARK=user', '--name', 'owned', reference);
    expect(own.stdout.toString()).toContain('init 1 got /wrapper serve from user\r\n');
    // What is kept runs the init without this command.
    const stored = JSON.parse((await Sandbox.get('owned')).configJson);
    expect(stored).toMatchObject({ init: { cmd: '/init', args: [] }, runtime: { entrypoint: ['/wrapper'] } });
    await Sandbox.remove('owned');
  });

  it('can be asked for on the command line', async () => {
    const { stdout, code } = await msb(
      [
        'run',
        '--init',
        '/bin/sh',
        '--init-arg',
        '-c',
        '--init-arg',
        'while :; do sleep 1; done',
        '--init-env',
        'A=b',
      ].concat([
        made.reference,
        '--',
        'sh',
        '-c',
        'tr "\\0" "\\n" < /proc/1/environ | grep ^A=; cat /proc/1/comm',
      ]),
      { env: made.home.env },
    );
    expect([stdout.toString(), code]).toEqual(['A=b\nsh\n', 0]);
  });
});

describe('names and profile', () => {
  it('stand in hostname, hosts and resolv.conf as specified', async () => {
    const box = await builder('named').hostname('my-host').create();
    expect((await box.shell('hostname; cat /etc/hostname')).stdout()).toBe('my-host\nmy-host\n');
    const hosts = (await box.shell('cat /etc/hosts')).stdout();
    expect(hosts).toContain('127.0.0.1\tlocalhost my-host\n');
    expect(hosts).toContain('::1\tlocalhost ip6-localhost ip6-loopback my-host\n');
    for (const line of [
      'fe00::\tip6-localnet',
      'ff00::\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
    ])
      expect(hosts).toContain(`${line}\n`);
    const resolvers = (await box.shell('cat /etc/resolv.conf')).stdout();
    const gateway = /default via (\S+)/.exec((await box.shell('ip route')).stdout())?.[1];
    expect(resolvers.split('\n')[0]).toBe(`nameserver ${gateway}`);
    expect((await box.shell('stat -c %a /etc/hosts /etc/resolv.conf /tmp /var/tmp')).stdout()).toBe(
      '644\n644\n1777\n1777\n',
    );
    await box.kill();
    await Sandbox.remove('named');
  });

  it('restricted takes CAP_SYS_ADMIN and new privileges away', async () => {
    const box = await builder('restricted').security('restricted').create();
    const status = (await box.shell('cat /proc/self/status')).stdout();
    const bit = 1n << 21n;
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb']) {
      const mask = BigInt(`0x${new RegExp(`${set}:\\s+([0-9a-f]+)`).exec(status)?.[1]}`);
      expect(mask & bit, set).toBe(0n);
    }
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    expect((await box.shell('mount -t tmpfs none /tmp')).code).not.toBe(0);
    await box.kill();
    await Sandbox.remove('restricted');
  });

  it('the clock is the host’s at the start, and again whenever that jumped', async () => {
    await using clock = await startShiftedClock();
    const box = await clock.during(() => builder('clock').create());
    const ahead = async () => Number((await box.shell('date +%s')).stdout()) - Date.now() / 1000;
    expect(Math.abs(await ahead())).toBeLessThan(3);
    const day = 86_400;
    // The host slept for a day, or was set: forwards, and back beyond where it came from. That the guest is set too when
    // nothing jumped, each minute, is in clock.test.ts.
    for (const jump of [day, -day]) {
      // Somebody in the guest has set its clock meanwhile.
      expect((await box.shell('date -s @1000000000')).code).toBe(0);
      await clock.shift(jump);
      await expect.poll(async () => Math.abs((await ahead()) - jump), SLOWLY).toBeLessThan(3);
    }
    await box.kill();
    await Sandbox.remove('clock');
  });
});
