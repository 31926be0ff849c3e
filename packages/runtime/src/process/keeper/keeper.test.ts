import { describe, expect, it } from 'vitest';
import { ClockSync } from './clock-sync.ts';
import { endingOf } from './ending.ts';
import { flushWindowMs } from './flush-window.ts';
import { IdleMonitor } from './idle-monitor.ts';

describe('ClockSync', () => {
  it('is due at first, each minute, and when the clock jumped', () => {
    const clock = new ClockSync();
    expect([0, 2000, 4000].map((now) => clock.isDue(now))).toEqual([true, false, false]);
    expect(clock.isDue(10_000)).toBe(true);
    expect(clock.isDue(9000)).toBe(true);
    let due = 0;
    for (let now = 11_000; now <= 9000 + 61_000; now += 2000) if (clock.isDue(now)) due += 1;
    expect(due).toBe(1);
  });
});

describe('IdleMonitor', () => {
  const report = (activitySeq: bigint, activeExecSessions = 0) => ({ activitySeq, activeExecSessions });

  it('counts from the last change, and not while a command runs', () => {
    const monitor = new IdleMonitor(1000);
    expect(monitor.isIdle(null, 0, 0)).toBe(false);
    expect(monitor.isIdle(null, 0, 9000)).toBe(false);
    expect(monitor.isIdle(report(5n), 0, 10_000)).toBe(false);
    expect(monitor.isIdle(report(5n), 0, 10_999)).toBe(false);
    expect(monitor.isIdle(report(6n), 0, 11_000)).toBe(false);
    expect(monitor.isIdle(report(6n, 1), 0, 15_000)).toBe(false);
    expect(monitor.isIdle(report(6n), 0, 15_999)).toBe(false);
    expect(monitor.isIdle(report(6n), 1, 20_000)).toBe(false);
    expect(monitor.isIdle(report(6n), 0, 20_999)).toBe(false);
    expect(monitor.isIdle(report(6n), 0, 21_000)).toBe(true);
  });
});

describe('flushWindowMs', () => {
  it('depends on the init, the accelerator and the environment', () => {
    const plain = { bootstrap: { security_profile: 'default' } } as const;
    const handoff = { bootstrap: { ...plain.bootstrap, handoff_init: { cmd: '/sbin/init' } } };
    expect(flushWindowMs(plain, 'kvm', {})).toBe(2000);
    expect(flushWindowMs(handoff, 'kvm', {})).toBe(8000);
    expect(flushWindowMs({ ...plain, init_path: '/i' }, 'kvm', {})).toBe(8000);
    expect(flushWindowMs(plain, 'tcg', {})).toBe(4000);
    expect(flushWindowMs(plain, 'tcg', { MSB_SHUTDOWN_FLUSH_TIMEOUT_MS: '50' })).toBe(50);
    expect(flushWindowMs(plain, 'kvm', { MSB_SHUTDOWN_FLUSH_TIMEOUT_MS: 'soon' })).toBe(2000);
  });
});

describe('endingOf', () => {
  const exit = (code: number | null, signal: NodeJS.Signals | null = null) => ({
    code,
    signal,
    stderrTail: '',
  });

  it('believes the request that ended the machine', () => {
    const request = { reason: 'IdleTimeout', exitCode: 0, manner: 'ask' } as const;
    expect(endingOf(request, exit(null, 'SIGKILL'), false)).toEqual({
      reason: 'IdleTimeout',
      exitCode: 0,
      status: 'Stopped',
    });
  });

  it('calls everything else that is no end of the guest a crash', () => {
    expect(endingOf(null, exit(null, 'SIGSEGV'), false).status).toBe('Crashed');
    expect(endingOf(null, exit(1), false)).toMatchObject({ status: 'Crashed', exitCode: 1 });
    expect(endingOf(null, exit(0), true)).toMatchObject({ status: 'Crashed', reason: 'Failed' });
    expect(endingOf(null, exit(0), false)).toMatchObject({ status: 'Stopped', reason: 'Completed' });
  });
});
