import { describe, expect, it } from 'vitest';
import { OutputRing } from './output-ring.ts';

describe('OutputRing', () => {
  it('keeps the last bytes, however they came', () => {
    const ring = new OutputRing(8);
    expect(ring.toString()).toBe('');
    ring.push(Buffer.from('abc'));
    ring.push(Buffer.from('defgh'));
    expect(ring.toString()).toBe('abcdefgh');
    ring.push(Buffer.from('i'));
    expect(ring.toString()).toBe('bcdefghi');
    ring.push(Buffer.from('0123456789'));
    expect(ring.toString()).toBe('23456789');
  });
});
