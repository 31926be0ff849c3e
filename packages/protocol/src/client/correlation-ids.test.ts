import { describe, expect, it } from 'vitest';
import { CorrelationIds } from './correlation-ids.ts';

describe('CorrelationIds', () => {
  it('counts up, goes around before the end and skips what is in use', () => {
    const ids = new CorrelationIds({ start: 0, endExclusive: 4 });
    const used = new Set<number>();
    expect([ids.take(used), ids.take(used), ids.take(used), ids.take(used)]).toEqual([1, 2, 3, 1]);
    used.add(2).add(3);
    expect(ids.take(used)).toBe(1);
    used.add(1);
    expect(() => ids.take(used)).toThrow('agent correlation id range exhausted');
  });
});
