import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';

const START = 0xffff_ffff;
const invert = (crc: number): number => ~crc >>> 0;

describe('crc32c', () => {
  it('gives the check value of the algorithm', () => {
    expect(invert(crc32c(Buffer.from('123456789'), START))).toBe(0xe306_9283);
  });

  it.each([
    ['32 zeros', Buffer.alloc(32), 0x8a91_36aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
    ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e],
  ])('agrees with RFC 3720 appendix B.4 on %s', (_name, bytes, expected) => {
    expect(invert(crc32c(bytes, START))).toBe(expected);
  });

  it('can be cut anywhere', () => {
    const bytes = Buffer.from(Array.from({ length: 61 }, (_, i) => (i * 37) & 0xff));
    const whole = crc32c(bytes, START);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut), START))).toBe(whole);
    }
  });
});
