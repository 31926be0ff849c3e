import { describe, expect, it } from 'vitest';
import { addon } from './load-addon.ts';

describe('measureTscKhz', () => {
  it.skipIf(process.arch !== 'x64')(
    'agrees with itself to a few parts in ten thousand (x86-64 only)',
    async () => {
      const [first, second] = [await addon().measureTscKhz(), await addon().measureTscKhz()];
      if (first === null || second === null) throw new Error('no counter');
      expect(first).toBeGreaterThan(100_000);
      expect(first).toBeLessThan(10_000_000);
      expect(Math.abs(first / second - 1)).toBeLessThan(5e-4);
    },
  );
});
