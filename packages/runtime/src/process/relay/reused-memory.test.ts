import { describe, expect, it } from 'vitest';
import { ReusedMemory } from './reused-memory.ts';

describe('ReusedMemory', () => {
  it('gives a piece again once nobody reads there', () => {
    const memory = new ReusedMemory();
    const first = memory.take(10);
    const [one, other] = [memory.hold(), memory.hold()];
    expect(memory.isFree()).toBe(false);
    const second = memory.take(10);
    expect(second).not.toBe(first);
    expect(memory.isFree()).toBe(true);
    one();
    one();
    const third = memory.take(10);
    expect(third).toBe(second);
    other();
    memory.hold();
    expect(memory.take(10)).toBe(first);
  });

  it('frees the current piece when its last reader is done', () => {
    const memory = new ReusedMemory();
    memory.take(10);
    const release = memory.hold();
    release();
    expect(memory.isFree()).toBe(true);
  });

  it('has room for any size, and keeps only pieces of the usual one', () => {
    const memory = new ReusedMemory();
    const large = memory.take(1 << 20);
    expect(large.length).toBe(1 << 20);
    expect(memory.take(1 << 20)).not.toBe(large);
  });
});
