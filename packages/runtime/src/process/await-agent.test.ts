import type { Accelerator, VmExit } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { awaitAgent, NotReady } from './await-agent.ts';
import type { LaunchedMachine } from './launch-machine.ts';

const never = new Promise<never>(() => {});

function launched(accelerator: Accelerator, kind: 'warm' | 'cold', exited: Promise<VmExit> = never) {
  return {
    machine: { exited },
    choice: { driver: 'qemu', accelerator, reason: 'test' },
    boot: kind === 'warm' ? { kind } : { kind, reason: 'test', wantsTemplate: false },
  } as Pick<LaunchedMachine, 'choice' | 'boot'> & { machine: LaunchedMachine['machine'] };
}

describe('awaitAgent', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each<[Accelerator, 'warm' | 'cold', NodeJS.ProcessEnv, number]>([
    ['kvm', 'cold', {}, 30_000],
    ['tcg', 'cold', {}, 180_000],
    ['kvm', 'warm', {}, 5000],
    ['tcg', 'warm', {}, 30_000],
    ['tcg', 'cold', { MSB_BOOT_TIMEOUT_MS: '700' }, 700],
  ])('gives a guest on %s that comes up %s, with %o, %i ms', async (accelerator, kind, env, waitedMs) => {
    let settled: unknown;
    const waiting = awaitAgent(never, launched(accelerator, kind), env).catch((error: unknown) => {
      settled = error;
    });
    await vi.advanceTimersByTimeAsync(waitedMs - 1);
    expect(settled).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(settled).toBeInstanceOf(NotReady);
    expect((settled as NotReady).evidence).toEqual({ waitedMs });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for a machine that ended', async () => {
    const exit: VmExit = { code: 0, signal: null, stderrTail: '' };
    await expect(awaitAgent(never, launched('tcg', 'cold', Promise.resolve(exit)), {})).rejects.toMatchObject(
      {
        evidence: { exit },
      },
    );
    expect(vi.getTimerCount()).toBe(0);
  });
});
