import { SeededRandom } from '@microsandbox/test-utils';
import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { parseImageReference, pinnedReference } from './parse-image-reference.ts';

const HEX = '0123456789abcdef'.repeat(4);

describe('parseImageReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['test.com:5000', 'docker.io/library/test.com:5000'],
    ['test:5000/repo', 'test:5000/repo:latest'],
    ['localhost/a/b:1', 'localhost/a/b:1'],
    ['user/name', 'docker.io/user/name:latest'],
    ['index.docker.io/busybox:1', 'docker.io/library/busybox:1'],
    ['docker.io/a/b/c', 'docker.io/a/b/c:latest'],
    ['ghcr.io/Org/x', null],
    ['a--b__c/d.e_f-g', 'docker.io/a--b__c/d.e_f-g:latest'],
    [`a@sha256:${HEX}`, `docker.io/library/a@sha256:${HEX}`],
    [`q.io/a:t@sha256:${HEX}`, `q.io/a:t@sha256:${HEX}`],
    ['EXAMPLE.com/a', 'EXAMPLE.com/a:latest'],
  ])('reads %s as %s', (text, canonical) => {
    if (canonical === null) expect(() => parseImageReference(text)).toThrow('invalid reference format');
    else expect(parseImageReference(text).canonical).toBe(canonical);
  });

  it('keeps host and path of foo_bar.com:8080 in the default registry', () => {
    expect(parseImageReference('foo_bar.com:8080')).toMatchObject({
      registry: 'docker.io',
      repository: 'library/foo_bar.com',
      tag: '8080',
    });
  });

  it('knows which host to speak to', () => {
    expect(parseImageReference('alpine').contactedHost).toBe('index.docker.io');
    expect(parseImageReference('quay.io/a/b').contactedHost).toBe('quay.io');
  });

  it.each([
    ['', 'repository name must have at least one component'],
    ['UPPER', 'invalid reference format'],
    ['Up/per', 'repository name must be lowercase'],
    ['a:', 'invalid reference format'],
    ['a b', 'invalid reference format'],
    ['../a', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['-a', 'invalid reference format'],
    [`a:${'t'.repeat(129)}`, 'invalid reference format'],
    [`a@sha256:${HEX.slice(1)}`, 'invalid checksum digest length'],
    [`a@md5:${HEX}`, 'unsupported digest algorithm'],
    [`a@sha256:${HEX.toUpperCase()}`, 'invalid digest'],
    ['a'.repeat(300), 'repository name must not be more than 255 characters'],
    ['a\n', 'invalid reference format'],
  ])('refuses %j', (text, message) => {
    expect(() => parseImageReference(text)).toThrow(message);
  });

  it('shortens what it repeats of a bad name', () => {
    expect(() => parseImageReference(`${'x'.repeat(5000)} `)).toThrow(/^.{1,300}$/);
  });

  it('takes little time for any text, and gives a name or a coded error', () => {
    const parts = [
      'a',
      '-',
      '.',
      '_',
      '/',
      ':',
      '@',
      'sha256:',
      HEX,
      'A',
      '0',
      ' ',
      'localhost',
      'é',
      '\u0000',
    ];
    const random = new SeededRandom(7);
    const started = performance.now();
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: random.below(12) }, () => parts[random.below(parts.length)]).join('');
      try {
        const { canonical } = parseImageReference(text);
        expect(parseImageReference(canonical).canonical).toBe(canonical);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidConfigError);
      }
    }
    for (const text of [
      `${'a-'.repeat(1000)}!`,
      `${'a'.repeat(2000)}!`,
      `${'a.'.repeat(1000)}/`,
      `${'a/'.repeat(900)}:`,
    ]) {
      expect(() => parseImageReference(text)).toThrow(InvalidConfigError);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('pins a name to content', () => {
    const pinned = pinnedReference(parseImageReference('alpine:3'), `sha256:${HEX}`);
    expect(pinned.canonical).toBe(`docker.io/library/alpine@sha256:${HEX}`);
  });
});
