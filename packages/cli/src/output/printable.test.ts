import { expect, it } from 'vitest';
import { printable } from './printable.ts';

it('keeps text, and takes from terminals what they would obey', () => {
  expect(printable('RUN a\t&&\n  b # ü 漢')).toBe('RUN a && b # ü 漢');
  expect(printable('\x1b]0;t\x07\x9b31m\u202edcba')).toBe('\ufffd]0;t\ufffd\ufffd31m\ufffddcba');
});
