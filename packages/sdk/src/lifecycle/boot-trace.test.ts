import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BootPhaseEvent } from '../boot-info.ts';
import { tracedBoot } from './boot-trace.ts';

describe('tracedBoot', () => {
  afterEach(() => vi.restoreAllMocks());

  it('writes a line of JSON for each step, and tells the listener too', () => {
    const written: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const heard: BootPhaseEvent[] = [];
    const trace = tracedBoot('web', (event) => heard.push(event), { MSB_BOOT_TRACE: '1' });
    trace?.({ phase: 'kernel', elapsedMs: 412.4567 });
    expect(written).toEqual(['{"boot":"web","phase":"kernel","elapsed_ms":412.5}\n']);
    expect(heard).toEqual([{ phase: 'kernel', elapsedMs: 412.4567 }]);
  });

  it('changes nothing unless it was asked for', () => {
    const listener = () => {};
    expect(tracedBoot('web', listener, {})).toBe(listener);
  });
});
