import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { secretFor } from '../../test-support/serving.ts';
import { LiveSecrets } from './live-secrets.ts';
import { resolveSecrets } from './resolve-secrets.ts';

const config = (...secrets: ReturnType<typeof secretFor>[]) => ({ secrets, on_violation: 'block' as const });

describe('secrets of a running sandbox', () => {
  it('change for whoever asks next', async () => {
    const live = new LiveSecrets(config(secretFor(), secretFor({ env_var: 'OTHER' })));
    const before = live.snapshot();
    await live.apply({ change: 'rotate', name: 'K', value: 'new' });
    await live.apply({ change: 'set_allowed_hosts', name: 'K', hosts: ['a.test', '*.b.test', '*'] });
    expect(live.snapshot().secrets[0]).toEqual(
      secretFor({ value: 'new', allowed_hosts: [{ exact: 'a.test' }, { wildcard: '*.b.test' }, 'any'] }),
    );
    expect(before.secrets[0]).toEqual(secretFor());
    await live.apply({ change: 'remove', name: 'K' });
    await live.apply({ change: 'remove', name: 'NEVER_THERE' });
    expect(live.snapshot().secrets.map(({ env_var }) => env_var)).toEqual(['OTHER']);
    live[Symbol.dispose]();
    expect(live.snapshot().secrets).toEqual([]);
  });

  it('refuse in the words of the reference, and say no value', async () => {
    const live = new LiveSecrets(config(secretFor()));
    const failure = (change: Parameters<LiveSecrets['apply']>[0]) =>
      live.apply(change).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InvalidConfigError);
        return (error as Error).message;
      });
    expect(await failure({ change: 'rotate', name: 'NO', value: 'hidden' })).toBe(
      'no secret named NO is configured',
    );
    expect(await failure({ change: 'set_allowed_hosts', name: 'NO', hosts: ['a'] })).toBe(
      'no secret named NO is configured',
    );
    expect(await failure({ change: 'set_allowed_hosts', name: 'K', hosts: [] })).toBe(
      'secret K: at least one allowed host is required',
    );
    expect(live.snapshot().secrets).toEqual([secretFor()]);
  });
});

describe('values at the start of a sandbox', () => {
  const sourced = (source: NonNullable<ReturnType<typeof secretFor>['source']>) =>
    config(secretFor({ value: '', source }));

  it('come from the environment, or stand there', () => {
    const { secrets } = resolveSecrets(sourced({ kind: 'env', var: 'TOKEN' }), { TOKEN: 'abc' });
    expect(secrets).toEqual([secretFor({ value: 'abc' })]);
    expect(resolveSecrets(config(secretFor()), {})).toEqual(config(secretFor()));
  });

  it.each([
    [{ kind: 'env', var: 'TOKEN' }, {}, 'secret K: host environment variable TOKEN is not set'],
    [{ kind: 'env', var: 'TOKEN' }, { TOKEN: '' }, 'secret K: host environment variable TOKEN is empty'],
    [{ kind: 'store', reference: 'r' }, {}, 'secret K: store-backed secret sources are not supported yet'],
  ] as const)('are missing: %j in %j', (source, env, message) => {
    const error = (() => {
      try {
        return resolveSecrets(sourced(source), env);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(InvalidConfigError);
    expect((error as Error).message).toBe(message);
  });
});
