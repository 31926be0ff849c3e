import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
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
    // 3 is the folder that ls itself reads, unless a or b is 3.
    expect(numbers?.trim().split(' ').map(Number)).toEqual(expect.arrayContaining([0, 1, 2, a, b]));
    expect(numbers?.trim().split(' ')).toHaveLength(6);
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
    const parent = spawn(process.execPath, ['-e', PARENT, prebuiltPath('microsandbox.node')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(parent.stdout, 'data');
    const child = Number(String(pid));
    expect(processState(child)).toMatch(/[RSD]/);
    parent.kill('SIGKILL');
    await once(parent, 'close');
    await expect.poll(() => processState(child), { timeout: 2000, interval: 10 }).toMatch(/Z|gone/);
  });
});

const PARENT = `
  const addon = require(process.argv[1]);
  const child = addon.spawnSupervised({ program: '/bin/sleep', args: ['60'], env: [], descriptors: [] });
  process.stdout.write(String(child.pid));
`;

/** State letter of a process, or `gone`. */
function processState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'gone';
  } catch {
    return 'gone';
  }
}
