import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { NixError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { addon } from './load-addon.ts';
import { prebuiltPath } from './prebuilt-path.ts';

/** Runs a shell command under supervision and returns its output and end. */
async function shell(
  script: string,
  descriptors: { childFd: number; fd: number }[] = [],
  env: string[] = [],
) {
  const [read, write] = addon().pipe();
  const { pid, exited } = addon().spawnSupervised({
    program: '/bin/sh',
    args: ['-c', script],
    env,
    outputFd: write,
    descriptors,
  });
  closeSync(write);
  const exit = await exited;
  const output = readFileSync(read, 'utf8');
  closeSync(read);
  return { pid, exit, output };
}

describe('spawnSupervised', () => {
  it('reports exit codes and signals', async () => {
    expect((await shell('exit 7')).exit).toEqual({ code: 7, signal: null });
    expect((await shell('kill -9 $$')).exit).toEqual({ code: null, signal: 9 });
  });

  it('gives exactly the named environment and descriptors, even when numbers cross', async () => {
    const a = openSync('/etc/hostname', 'r');
    const b = openSync('/etc/passwd', 'r');
    const { output } = await shell(
      `echo "$FOO"; ls /proc/self/fd | tr '\\n' ' '; echo; head -c 4 /dev/fd/${a}; readlink /proc/self/fd/0; env`,
      [
        { childFd: a, fd: b },
        { childFd: b, fd: a },
      ],
      ['FOO=bar'],
    );
    const [foo, numbers, head] = output.split('\n');
    expect(foo).toBe('bar');
    // One more is the folder that ls itself reads, and one the pipe that its life hangs on.
    expect(numbers?.trim().split(' ').map(Number)).toEqual(expect.arrayContaining([0, 1, 2, a, b]));
    expect(numbers?.trim().split(' ')).toHaveLength(7);
    expect(head?.startsWith('root')).toBe(true);
    expect(output).toContain('/dev/null');
    expect(output).not.toContain('HOME=');
    closeSync(a);
    closeSync(b);
  });

  it('runs without new privileges, in its own session, with default signals', async () => {
    const { pid, output } = await shell('cut -d" " -f6 /proc/$$/stat; cat /proc/$$/status');
    expect(output.split('\n')[0]).toBe(String(pid));
    expect(output).toMatch(/NoNewPrivs:\t1/);
    expect(output).toMatch(/SigIgn:\t0{16}/);
  });

  it('names the program that cannot be started', () => {
    const start = (program: string, args: string[] = []) =>
      addon().spawnSupervised({ program, args, env: [], descriptors: [] });
    expect(() => start('/nonexistent')).toThrow(NixError);
    expect(() => start('/nonexistent')).toThrow(
      'cannot start /nonexistent: execve: No such file or directory (os error 2)',
    );
    expect(() => start('/bin/true', ['a\0b'])).toThrow(/NUL byte/);
  });

  it('leaves children of node:child_process alone', async () => {
    const ordinary = spawn('sh', ['-c', 'sleep 0.1; exit 3']);
    const [[code], { exit }] = await Promise.all([once(ordinary, 'exit'), shell('sleep 0.05; exit 4')]);
    expect([code, exit.code]).toEqual([3, 4]);
  });

  it('kills the child when its parent is killed', async () => {
    await expectEndWithParent(['/bin/sleep', '60']);
  });

  it('keeps nothing of a child that ended', async () => {
    const pipes = () =>
      readdirSync('/proc/self/fd').filter((fd) => linkTarget(`/proc/self/fd/${fd}`).startsWith('pipe:'));
    await shell('true');
    const before = pipes().length;
    for (let round = 0; round < 3; round++) await shell('true');
    expect(pipes()).toHaveLength(before);
  });

  // setpriv clears PR_SET_PDEATHSIG before it becomes the program, so only the pipe is left to tell.
  const why = noSetpriv();
  describe.skipIf(why)(`without the kernel's signal for a parent's end${why && ` (skipped: ${why})`}`, () => {
    const cleared = ['/usr/bin/setpriv', '--pdeathsig', 'clear'];

    it('kills the child all the same', () => expectEndWithParent([...cleared, '/bin/sleep', '60']));

    it('kills one that takes no signal', () =>
      expectEndWithParent([...cleared, '/bin/sh', '-c', "trap '' HUP INT TERM IO; exec sleep 60"]));

    it('kills QEMU, which knows nothing of the pipe', async (context) => {
      const qemu = ['/usr/bin/qemu-system-x86_64', '/usr/bin/qemu-system-aarch64'].find((p) => existsSync(p));
      if (qemu === undefined) context.skip('no QEMU in /usr/bin');
      const seccomp = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';
      const machine = ['-M', 'none', '-nodefaults', '-display', 'none', '-sandbox', seccomp];
      await expectEndWithParent([...cleared, qemu as string, ...machine]);
    });
  });
});

const PARENT = `
  const [addon, program, ...args] = process.argv.slice(1);
  const child = require(addon).spawnSupervised({ program, args, env: [], descriptors: [] });
  process.stdout.write(String(child.pid));
`;

/** Has another process start the program, kills that process, and waits for the program's end. */
async function expectEndWithParent(command: readonly string[]): Promise<void> {
  const parent = spawn(process.execPath, ['-e', PARENT, prebuiltPath('microsandbox.node'), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(parent, 'close');
  const [pid] = await once(parent.stdout, 'data');
  const child = Number(String(pid));
  // It has become what it is to be, so it has dropped what it drops on the way.
  const program = basename(command.findLast((word) => word.startsWith('/')) as string);
  await expect
    .poll(() => basename(linkTarget(`/proc/${child}/exe`)), { timeout: 20_000, interval: 10 })
    .toContain(program === 'sh' ? 'sleep' : program);
  expect(processState(child)).toMatch(/[RSD]/);
  parent.kill('SIGKILL');
  await ended;
  await expect.poll(() => processState(child), { timeout: 20_000, interval: 10 }).toMatch(/Z|gone/);
}

function noSetpriv(): string {
  return existsSync('/usr/bin/setpriv') ? '' : 'no /usr/bin/setpriv';
}

/** Where a link of `/proc` leads, or nothing when it is gone. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** State letter of a process, or `gone`. */
function processState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'gone';
  } catch {
    return 'gone';
  }
}
