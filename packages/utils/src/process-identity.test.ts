import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { isProcessAlive, processStartedAt, processStartTime } from './process-identity.ts';
import { sleep } from './sleep.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(command: string, args: string[]): ChildProcess & { pid: number } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  if (child.pid === undefined) throw new Error('no pid');
  return child as ChildProcess & { pid: number };
}

describe('process identity', () => {
  it('knows a living process by pid and start time', async () => {
    const before = Date.now();
    const child = start('sleep', ['60']);
    const startTime = await processStartTime(child.pid);
    expect(startTime).not.toBeNull();
    expect(await isProcessAlive(child.pid)).toBe(true);
    expect(await isProcessAlive(child.pid, startTime)).toBe(true);
    expect(Math.abs(((await processStartedAt(child.pid)) ?? 0) - before)).toBeLessThan(3000);
  });

  it('does not take a reused pid for the process that was meant', async () => {
    const child = start('sleep', ['60']);
    const startTime = (await processStartTime(child.pid)) ?? 0n;
    expect(await isProcessAlive(child.pid, startTime - 1n)).toBe(false);
  });

  it('counts an exited process as dead', async () => {
    const child = start('true', []);
    await once(child, 'exit');
    expect(await isProcessAlive(child.pid)).toBe(false);
    expect(await processStartTime(child.pid)).toBeNull();
  });

  it('pid exit probe does not reap: a zombie counts as dead, and stays for its parent', async () => {
    // The shell starts a child, says its pid, and never reaps it, because by then `sleep` took its place.
    const child = start('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60']);
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const deadline = Date.now() + 5000;
    while ((await isProcessAlive(pid)) && Date.now() < deadline) await sleep(10);
    expect(await isProcessAlive(pid)).toBe(false);
    expect(process.kill(pid, 0)).toBe(true);
  });

  it.each([0, -1, 1.5, Number.NaN])('never calls %d alive', async (pid) => {
    expect(await isProcessAlive(pid)).toBe(false);
  });
});
