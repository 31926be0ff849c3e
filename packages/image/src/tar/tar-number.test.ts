import { describe, expect, it } from 'vitest';
import { writeBase256 } from '../../test/tar-builder.ts';
import { tarNumber, tarOctal } from './tar-number.ts';

const field = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('tarOctal', () => {
  it.each([
    ['0000644\0', 0o644],
    ['644 \0\0\0\0', 0o644],
    ['  644\0\0\0', 0o644],
    ['00000644', 0o644],
    ['0\0garbag', 0],
    ['77777777', 0o77777777],
  ])('reads %j', (text, expected) => {
    expect(tarOctal(field(text), 0, 8)).toBe(expected);
  });

  it.each(['\0\0\0\0\0\0\0\0', '        ', '0000648\0', '-000644\0', '0x1a4\0\0\0', '12 34\0\0\0'])(
    'finds no number in %j',
    (text) => {
      expect(tarOctal(field(text), 0, 8)).toBeNull();
    },
  );
});

describe('tarNumber', () => {
  it.each([0n, 1n, 0xffff_ffffn, 2n ** 40n, 2n ** 53n])('reads base-256 %d in 12 bytes', (value) => {
    const record = Buffer.alloc(12);
    writeBase256(record, 0, 12, value);
    expect(tarNumber(record, 0, 12)).toBe(value);
  });

  it('reads negative times', () => {
    const record = Buffer.alloc(12);
    writeBase256(record, 0, 12, -1n);
    expect(tarNumber(record, 0, 12)).toBe(-1n);
  });

  it('reads ids in 8 bytes', () => {
    const record = Buffer.alloc(8);
    writeBase256(record, 0, 8, 4_000_000_000n);
    expect(tarNumber(record, 0, 8)).toBe(4_000_000_000n);
  });
});
