import { describe, expect, it } from 'vitest';
import { OutputCapture } from './output-capture.ts';

function captured(limit: number, ...pieces: string[]) {
  const capture = new OutputCapture(limit);
  for (const piece of pieces) capture.push(Buffer.from(piece));
  return { text: capture.bytes().toString(), omitted: capture.omittedBytes };
}

describe('OutputCapture', () => {
  it.each([
    [8, ['abcd', 'efgh'], 'abcdefgh', 0],
    [8, ['abcdefgh'], 'abcdefgh', 0],
    [9, ['a', 'b', 'cdefg', 'hi'], 'abcdefghi', 0],
    [8, [], '', 0],
    [8, ['abcd', 'efgh', 'ijkl'], 'abcd\n[microsandbox: 4 bytes of output left out]\nijkl', 4],
    [8, ['abcdefghijkl'], 'abcd\n[microsandbox: 4 bytes of output left out]\nijkl', 4],
    [7, ['abcdefghijkl'], 'abcd\n[microsandbox: 5 bytes of output left out]\njkl', 5],
    [0, ['abc'], '\n[microsandbox: 3 bytes of output left out]\n', 3],
    [1, ['abc'], 'a\n[microsandbox: 2 bytes of output left out]\n', 2],
  ])('keeps head and tail of %i bytes: %j', (limit, pieces, text, omitted) => {
    expect(captured(limit, ...pieces)).toEqual({ text, omitted });
  });

  it('is the same however the output was cut', () => {
    const text = Array.from({ length: 5000 }, (_, line) => `line ${line}\n`).join('');
    const whole = captured(1000, text);
    expect(whole.omitted).toBe(text.length - 1000);
    for (const size of [1, 7, 499, 500, 501, 4096]) {
      const pieces: string[] = [];
      for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
      expect(captured(1000, ...pieces)).toEqual(whole);
    }
  });
});
