import { setTimeout as delay } from 'node:timers/promises';
import type { ExecHandle, ExecOptionsBuilder, Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';
import { processesIn } from './support/processes-in.ts';
import { residentMib } from './support/sandbox-process.ts';

const { Sandbox } = await importSdk();

/** Looking through all processes takes a while on an emulated machine. */
const SLOWLY = { timeout: 20_000, interval: 250 };

let made: BusyboxHome;
let box: SandboxType;
beforeAll(async () => {
  made = await startBusyboxHome();
  box = await Sandbox.builder('box')
    .image(made.reference)
    .script('greet', '#!/bin/sh\necho "hello $1"\n')
    .volume('/scratch', (mount) => mount.tmpfs().size(16))
    .volume('/tmp', (mount) => mount.tmpfs())
    .volume('/tight', (mount) => mount.tmpfs().readonly().noexec().nosuid().nodev())
    .rlimitRange('nofile', 700, 800)
    .workdir('/scratch')
    .create();
  const users = 'ann:x:1234:1234::/home/ann:/bin/sh';
  await box.shell(`mkdir -p /home/ann; grep -q ^ann: /etc/passwd || echo ${users} >> /etc/passwd`);
  await box.shell('printf "ann:x:1234:\\naudio:x:29:ann\\nstaff:x:50:\\n" >> /etc/group');
});
afterAll(async () => {
  await box?.kill();
  await made[Symbol.asyncDispose]();
});

const run = async (
  script: string,
  configure: (exec: ExecOptionsBuilder) => ExecOptionsBuilder = (exec) => exec,
) => box.execWith('sh', (exec) => configure(exec.args(['-c', script])));
const out = async (...given: Parameters<typeof run>) => (await run(...given)).stdout().trim();
const cli = (...args: string[]) => msb(args, { env: made.home.env });

/** Reads until the end; the bytes of standard output and how it ended. */
async function drain(handle: ExecHandle) {
  let bytes = 0;
  for await (const event of handle) {
    if (event.kind === 'stdout') bytes += event.data.length;
    if (event.kind === 'exited') return { bytes, code: event.code };
  }
  throw new Error('no end');
}

describe('back-pressure', () => {
  it('stops a guest that prints without pause, in bounded memory, and delays nobody else', async () => {
    const before = await residentMib(process.pid);
    const count = 1500;
    const script = `b=$(head -c 32767 /dev/zero | tr '\\0' y); i=0
      while [ $i -lt ${count} ]; do echo "$b"; i=$((i+1)); echo $i > /tmp/progress; done`;
    await using loud = await box.shellStream(script);
    expect(await loud.recv()).toMatchObject({ kind: 'started' });
    const written = async () => Number(await out('cat /tmp/progress'));
    let [last, now] = [-1, 0];
    while (now === 0 || now !== last) {
      await delay(1500);
      expect(await out('echo quick')).toBe('quick');
      [last, now] = [now, await written()];
    }
    expect(now).toBeGreaterThan(0);
    expect(now).toBeLessThan(count / 2);
    expect((await residentMib(process.pid)) - before).toBeLessThan(96);
    expect(await drain(loud)).toEqual({ bytes: count * 32_768, code: 0 });
  });

  it('makes a writer wait for a program that reads slowly, and loses nothing', async () => {
    await using slow = await box.execStreamWith('sh', (exec) =>
      exec.args(['-c', 'sleep 2; wc -c']).stdinPipe(),
    );
    const sink = await slow.takeStdin();
    const piece = Buffer.alloc(1 << 20, 'i');
    for (let count = 0; count < 48; count++) await sink?.write(piece);
    await sink?.close();
    let text = '';
    for await (const event of slow) if (event.kind === 'stdout') text += Buffer.from(event.data).toString();
    expect(text.trim()).toBe(String(48 << 20));
  });
});

describe('every exec settles', () => {
  it('with its exit code, with the signal, with the time-out', async () => {
    expect(await run('exit 42')).toMatchObject({ code: 42, signal: null });
    expect(await run('kill -TERM $$')).toMatchObject({ code: -1, signal: 15 });
    const mark = 'sleep 7171';
    await expect(run(`${mark} & ${mark}`, (exec) => exec.timeout(1500))).rejects.toMatchObject({
      code: 'execTimeout',
    });
    await expect.poll(() => processesIn(box, mark), SLOWLY).toBe(0);
  });

  it('although a grandchild keeps the pipes open', async () => {
    const start = Date.now();
    expect(await run('sleep 60 & echo parent')).toMatchObject({ code: 0 });
    // 500 ms of silence are waited for; the rest is the machine's own slowness.
    expect(Date.now() - start).toBeLessThan(15_000);
    expect((await run('(for i in $(seq 200); do echo noise; sleep 0.1; done) & exit 3')).code).toBe(3);
  });

  it('when its handle is closed', async () => {
    const handle = await box.shellStream('sleep 8282');
    expect(await handle.recv()).toMatchObject({ kind: 'started' });
    await expect.poll(() => processesIn(box, 'sleep 8282'), SLOWLY).not.toBe(0);
    await handle[Symbol.asyncDispose]();
    expect(await handle.recv()).toBeNull();
    await expect.poll(() => processesIn(box, 'sleep 8282'), SLOWLY).toBe(0);
  });

  it('once: signals and sizes that come too late do nothing', async () => {
    const handle = await box.execStream('true');
    expect(await handle.wait()).toEqual({ code: 0, success: true });
    await handle.kill();
    await handle.resize(24, 80);
    expect(await handle.recv()).toBeNull();
  });

  it('without a time-out of Infinity, and after one that no timer takes', async () => {
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 40]) {
      const { code } = await box.execWith('true', (exec) => exec.timeout(timeoutMs));
      expect(code).toBe(0);
    }
    await expect(box.execWith('true', (exec) => exec.timeout(Number.NaN))).rejects.toMatchObject({
      code: 'invalidConfig',
    });
  });

  it('when the machine is killed under it', async () => {
    const doomed = await Sandbox.builder('doomed').image(made.reference).create();
    const handle = await doomed.shellStream('sleep 100');
    // Killed before it has begun, it would rightly say that the sandbox does not run.
    expect(await handle.recv()).toMatchObject({ kind: 'started' });
    const settled = expect(handle.collect()).rejects.toMatchObject({ code: 'agentLost' });
    await Promise.all([doomed.kill(), settled]);
    for (const call of [
      () => doomed.exec('true'),
      () => doomed.execSessions(),
      () => doomed.attachSession(1),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'sandboxNotRunning' });
    }
    await Sandbox.remove('doomed');
  });
});

describe('captured output', () => {
  it('keeps head and tail and says what is missing', async () => {
    const result = await run('seq 1 100000', (exec) => exec.maxOutput(1000));
    const text = result.stdout();
    expect(text.startsWith('1\n2\n3\n')).toBe(true);
    expect(text.endsWith('99999\n100000\n')).toBe(true);
    expect(text).toContain(`\n[microsandbox: ${result.omittedBytes} bytes of output left out]\n`);
    expect(result.omittedBytes).toBe(588_895 - 1000);
  });
});

describe('settings of a command', () => {
  it.each<[string, string, (exec: ExecOptionsBuilder) => ExecOptionsBuilder, string]>([
    [
      'a user by name',
      'id -u; id -g; id -G; echo $HOME',
      (exec) => exec.user('ann'),
      '1234\n1234\n1234 29\n/home/ann',
    ],
    ['a user by number', 'id -u; id -g; id -G', (exec) => exec.user('1234'), '1234\n1234\n1234 29'],
    ['a group by name', 'id -u; id -g', (exec) => exec.user('ann:staff'), '1234\n50'],
    ['numbers that nobody has', 'id -u; id -g; id -G', (exec) => exec.user('4242:4343'), '4242\n4343\n4343'],
    ['a folder', 'pwd', (exec) => exec.cwd('/tmp'), '/tmp'],
    ['a variable', 'echo "$A|$FROM_IMAGE"', (exec) => exec.env('A', 'x y'), 'x y|yes'],
    ['a limit', 'ulimit -n; ulimit -Hn', (exec) => exec.rlimitRange('nofile', 64, 128), '64\n128'],
    ['limits and folder of the sandbox', 'ulimit -n; ulimit -Hn; pwd', (exec) => exec, '700\n800\n/scratch'],
    ['the usual mask', 'umask', (exec) => exec, '0022'],
    [
      'scripts of the sandbox',
      'greet you; command -v greet',
      (exec) => exec,
      'hello you\n/.msb/scripts/greet',
    ],
    [
      'a terminal',
      'test -t 0 && test -t 1 && echo $TERM',
      (exec) => exec.tty(true).env('TERM', 'vt100'),
      'vt100',
    ],
    [
      'a session of its own',
      "test $$ = $(ps -o pid,pgid | awk -v p=$$ '$1==p{print $2}') && echo leader",
      (exec) => exec,
      'leader',
    ],
  ])('are taken: %s', async (_name, script, configure, expected) => {
    expect((await out(script, configure)).replaceAll('\r', '')).toBe(expected);
  });

  it('arguments arrive byte for byte', async () => {
    const args = ['', ' ', 'a b', '$HOME', "'", '"', '\\', '*', 'ü', '\n', '-e'];
    const result = await box.exec('printf', ['%s|', ...args]);
    expect(result.stdout()).toBe(args.map((arg) => `${arg}|`).join(''));
  });
});

describe('files of the guest', () => {
  it('are programs when they name their interpreter', async () => {
    await box.shell(
      'printf "#!/bin/sh\necho script \\$1\n" > /named; echo echo x > /unnamed; chmod 755 /named /unnamed',
    );
    expect((await box.exec('/named', ['runs'])).stdout()).toBe('script runs\n');
    expect((await cli('exec', 'box', '--', '/unnamed')).code).toBe(126);
  });

  it('have as much room in memory as was given', async () => {
    expect(await out("df -k /scratch | awk 'END{print $2}'")).toBe(String(16 * 1024));
    const full = await run('dd if=/dev/zero of=/scratch/f bs=1M count=32');
    expect(full.code).toBe(1);
    expect(full.stderr()).toContain('No space left on device');
    await box.shell('rm /scratch/f');
  });

  it('in memory are kept as strictly as was asked for', async () => {
    expect(await out('stat -c %a /scratch /tmp')).toBe('755\n1777');
    expect(await out('awk \'$2 == "/tight" {print $3, $4}\' /proc/mounts')).toMatch(
      /^tmpfs ro,nosuid,nodev,noexec,relatime/,
    );
    expect((await run('touch /tight/f')).stderr()).toContain('Read-only file system');
  });
});

describe('exit codes of msb exec', () => {
  it.each([
    [['no-such-program'], 127],
    [['/etc/passwd'], 126],
    [['/tmp'], 126],
    [['sh', '-c', 'exit 5'], 5],
    [['sh', '-c', 'kill -KILL $$'], 137],
    [['sh', '-c', 'kill -TERM $$'], 143],
  ])('%j gives %i', async (command, code) => {
    expect((await cli('exec', 'box', '--', ...command)).code).toBe(code);
  });
});

describe('detached commands', () => {
  it('go on without their client, are listed, and are attached again', async () => {
    const script = 'echo one; while [ ! -e /tmp/go-on ]; do sleep 0.1; done; echo two; exit 9';
    const started = await cli('exec', '-d', 'box', '--', 'sh', '-c', script);
    expect(started.code).toBe(0);
    const id = started.stdout.toString().trim();
    const listed = JSON.parse((await cli('exec', '--sessions', '--format', 'json', 'box')).stdout.toString());
    expect(listed).toContainEqual(
      expect.objectContaining({ id: Number(id), detached: true, attached: false, exitCode: null }),
    );
    expect((await cli('exec', '--sessions', 'box')).stdout.toString()).toMatch(
      /^ID +PID +STATE +STARTED +COMMAND\n/,
    );
    const session = async () => (await box.execSessions()).find((session) => session.id === Number(id));
    const attaching = cli('exec', '--attach', id, 'box');
    await expect.poll(session, { timeout: 60_000 }).toMatchObject({ attached: true });
    await box.shell('touch /tmp/go-on');
    const attached = await attaching;
    expect(attached.stdout.toString()).toBe('one\ntwo\n');
    expect(attached.code).toBe(9);
    expect((await session())?.exitCode).toBe(9);
  });

  it('take input from whoever is attached', async () => {
    const first = await box.execStreamWith('sh', (exec) =>
      exec.args(['-c', 'read x; echo got $x']).stdinPipe(),
    );
    const id = await first.detach();
    expect(await first.recv()).toBeNull();
    await using again = await box.attachSession(id);
    await (await again.takeStdin())?.write('word\n');
    expect((await again.collect()).stdout()).toBe('got word\n');
  });

  it('say when a session is not to be had', async () => {
    const missing = await cli('exec', '--attach', '4000', 'box');
    expect(missing.code).toBe(1);
    expect(missing.stderr.toString()).toContain('no session 4000 can be attached');
  });
});
