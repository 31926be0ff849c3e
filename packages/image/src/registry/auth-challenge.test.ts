import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import { parseAuthChallenges } from './auth-challenge.ts';

const plain = (header: string): unknown =>
  parseAuthChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('parseAuthChallenges', () => {
  it('reads what registries send', () => {
    expect(
      plain(
        'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      ),
    ).toEqual([
      [
        'bearer',
        {
          realm: 'https://auth.example/token',
          service: 'registry.example',
          scope: 'repository:a/b:pull,push',
        },
      ],
    ]);
    expect(plain('Basic realm="Registry Realm"')).toEqual([['basic', { realm: 'Registry Realm' }]]);
  });

  it('reads unquoted values, spaces, escapes and several challenges', () => {
    expect(plain('Basic realm="a \\" b" , Bearer realm = x, service=y')).toEqual([
      ['basic', { realm: 'a " b' }],
      ['bearer', { realm: 'x', service: 'y' }],
    ]);
    expect(plain('Negotiate, Basic realm="r"')).toEqual([
      ['negotiate', {}],
      ['basic', { realm: 'r' }],
    ]);
    expect(plain('Negotiate YII/abc==, NTLM')).toEqual([
      ['negotiate', {}],
      ['ntlm', {}],
    ]);
  });

  it('keeps the readable part of broken headers', () => {
    expect(plain('')).toEqual([]);
    expect(plain('=,=')).toEqual([]);
    expect(plain('Bearer realm="unclosed')).toEqual([['bearer', {}]]);
    expect(plain('Bearer realm="x" \u0000')).toEqual([['bearer', { realm: 'x' }]]);
  });

  it('takes little time and memory for any header', () => {
    const pieces = ['"', '\\', ',', '=', ' ', 'Bearer', 'a', 'realm="x"', '\u0000', '~', '/'];
    const random = new SeededRandom(3);
    for (let round = 0; round < 5000; round++) {
      const header = Array.from({ length: random.below(40) }, () => pieces[random.below(pieces.length)]).join(
        '',
      );
      for (const { parameters } of parseAuthChallenges(header))
        expect(parameters.size).toBeLessThanOrEqual(32);
    }
    const started = performance.now();
    for (const hostile of ['a='.repeat(100_000), `B realm="${'\\'.repeat(100_000)}`, 'x '.repeat(100_000)]) {
      parseAuthChallenges(hostile);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
