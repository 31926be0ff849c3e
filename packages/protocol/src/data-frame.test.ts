import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import { decodeDataBody, encodeDataHead } from './data-frame.ts';
import { decodeMessage, encodeMessage } from './envelope.ts';

const SIZES = [0, 1, 15, 16, 17, 23, 24, 240, 247, 248, 255, 256, 65_520, 65_535, 65_536, 200_000];

describe('data frames', () => {
  it.each([
    'core.exec.stdin',
    'core.exec.stdout',
    'core.exec.stderr',
    'core.fs.data',
    'core.tcp.data',
  ] as const)('writes and reads %s as the general codec does', (type) => {
    for (const size of SIZES) {
      const data = Buffer.alloc(size, 7);
      const body = encodeMessage(type, { data });
      expect(Buffer.concat([encodeDataHead(type, size), data]).equals(body), `${size} bytes`).toBe(true);
      const { version, payload } = decodeMessage({ flags: 0, body });
      expect(decodeDataBody(body)).toEqual({ type, version, payload });
    }
  });

  it('reads what is altered as the general codec reads it, or not at all', () => {
    const body = encodeMessage('core.exec.stdin', { data: Buffer.alloc(30, 7) });
    let read = 0;
    for (let at = 0; at < body.length; at++) {
      expect(decodeDataBody(body.subarray(0, at))).toBeNull();
      for (let value = 0; value < 256; value++) {
        const altered = Buffer.from(body);
        altered[at] = value;
        const found = decodeDataBody(altered);
        if (found === null) continue;
        read += 1;
        const { type, version, payload } = decodeMessage({ flags: 0, body: altered });
        expect(found).toEqual({ type, version, payload });
      }
    }
    expect(read).toBeGreaterThan(30 * 256);
  });

  it('leaves messages of other shapes to the general codec', () => {
    const random = new SeededRandom(5);
    expect(decodeDataBody(encodeMessage('core.exec.exited', { code: 0 } as never))).toBeNull();
    for (let round = 0; round < 2000; round++) {
      const noise = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
      expect(decodeDataBody(noise)).toBeNull();
    }
  });
});
