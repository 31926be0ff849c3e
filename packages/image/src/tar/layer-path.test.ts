import { describe, expect, it } from 'vitest';
import { DEFAULT_LAYER_LIMITS } from './layer-limits.ts';
import { layerPathComponents } from './layer-path.ts';

const components = (path: string): string[] => layerPathComponents(path, DEFAULT_LAYER_LIMITS);

describe('layerPathComponents', () => {
  it.each([
    ['a/b', ['a', 'b']],
    ['./a/b/', ['a', 'b']],
    ['/a', ['a']],
    ['///a//b///', ['a', 'b']],
    ['a/./b', ['a', 'b']],
    ['./././a', ['a']],
    ['.hidden/..x/...', ['.hidden', '..x', '...']],
    ['a\xff\xfe', ['a\xff\xfe']],
    [' ', [' ']],
  ])('splits %j', (path, expected) => {
    expect(components(path)).toEqual(expected);
  });

  it.each(['', '.', './', '/', '//', './.', '/./'])('sees the root in %j', (path) => {
    expect(components(path)).toEqual([]);
  });

  it.each([
    ['..', '..'],
    ['../a', '../a'],
    ['a/..', 'a/..'],
    ['./a/../b/', 'a/../b'],
    ['/../a', '../a'],
    ['./../a', '../a'],
  ])('refuses to leave the root by %j', (path, shown) => {
    expect(() => components(path)).toThrow(`path traversal in tar: ${JSON.stringify(shown)}`);
  });

  it('has limits', () => {
    expect(() => components('a\0b')).toThrow('NUL byte in path: "a\\u0000b"');
    expect(() => components(`a/${'b'.repeat(256)}`)).toThrow('file name too long: "bbb');
    expect(components(`a/${'b'.repeat(255)}`)).toHaveLength(2);
    expect(() => components(`${'a/'.repeat(2048)}b`)).toThrow('path too long: "a/a/');
    expect(() => components('a/'.repeat(129))).toThrow('path too deep: "a/a/');
    expect(components('a/'.repeat(128))).toHaveLength(128);
  });
});
