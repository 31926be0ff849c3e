import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { exitOf } from './exit-of.ts';

describe('exitOf', () => {
  it.each([
    ['a status', '/bin/sh', ['-c', 'exit 3'], 'exit status: 3'],
    ['a signal', '/bin/sh', ['-c', 'kill -9 $$'], 'signal: SIGKILL'],
    ['a program that is not there', '/no/such/program', [], 'spawn /no/such/program ENOENT'],
  ])('tells %s', async (_what, program, args, expected) => {
    expect(await exitOf(spawn(program, args))).toBe(expected);
  });

  it('is known also to who asks for it late', async () => {
    const child = spawn('/bin/true');
    const exit = exitOf(child);
    await expect.poll(() => child.exitCode, { timeout: 20_000 }).toBe(0);
    expect(await exit).toBe('exit status: 0');
  });
});
