import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { paxRecord } from '../../test/tar-builder.ts';
import { parsePaxRecords } from './pax-records.ts';

const parse = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...parsePaxRecords(Buffer.from(text, 'latin1'))].map(([k, v]) => [k, v.toString('latin1')]),
  );

describe('parsePaxRecords', () => {
  it('reads records', () => {
    expect(parse(paxRecord('path', 'a/b') + paxRecord('size', '12'))).toEqual({ path: 'a/b', size: '12' });
    expect(parse('')).toEqual({});
  });

  it('takes values as they are: newlines, NUL, equals signs, any byte', () => {
    const value = 'a\nb\0c=d\xff';
    expect(parse(paxRecord('SCHILY.xattr.user.x', value))).toEqual({ 'SCHILY.xattr.user.x': value });
  });

  it('lets the last of equal keywords win and an empty value cancel', () => {
    expect(parse(paxRecord('path', 'a') + paxRecord('path', 'b'))).toEqual({ path: 'b' });
    expect(parse(paxRecord('path', 'a') + paxRecord('path', ''))).toEqual({});
    expect(parse(paxRecord('path', '') + paxRecord('path', 'b'))).toEqual({ path: 'b' });
  });

  it.each([
    ['no length', 'path=a\n'],
    ['no equals sign', '7 path\n'],
    ['no keyword', '5 =a\n'],
    ['no newline', '9 path=ab'],
    ['length too short', '7 path=a\n'],
    ['length too long', '99 path=a\n'],
    ['length zero', '0 path=a\n'],
    ['length that ends in its own digits', '2 \n'],
    ['huge length', '99999999999999999999 path=a\n'],
    ['negative length', '-9 path=a\n'],
    ['equals sign only in the next record', `6 abc\n${paxRecord('a', 'b')}`],
    ['NULs after the records', `${paxRecord('path', 'a')}\0\0`],
  ])('refuses %s', (_name, text) => {
    expect(() => parse(text)).toThrow(ImageError);
  });
});
