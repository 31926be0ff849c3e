import { describe, expect, it } from 'vitest';
import { digestFileName, parseCheckableDigest, parseDigest } from './image-digest.ts';

describe('image digests', () => {
  it('gives a safe file name', () => {
    expect(digestFileName(`sha256:${'a'.repeat(64)}`)).toBe(`sha256_${'a'.repeat(64)}`);
    expect(digestFileName('a+b.c_d-e:x=_-')).toBe('a+b.c_d-e_x=_-');
  });

  it.each([
    '',
    ':',
    'sha256',
    'sha256:',
    'SHA256:aa',
    'a..b:c',
    'a.:c',
    'sha256:../x',
    'sha256:a/b',
    'x:y:z',
  ])('refuses %j', (text) => {
    expect(() => parseDigest(text)).toThrow('invalid digest');
    expect(() => digestFileName(text)).toThrow('invalid digest');
  });

  it('knows what can be checked', () => {
    expect(parseCheckableDigest(`sha512:${'0'.repeat(128)}`).algorithm).toBe('sha512');
    expect(() => parseCheckableDigest('blake3:00')).toThrow('unsupported digest algorithm');
    expect(() => parseCheckableDigest(`sha256:${'A'.repeat(64)}`)).toThrow('invalid digest');
  });
});
