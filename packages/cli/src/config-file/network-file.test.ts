import { Sandbox } from 'microsandbox';
import { describe, expect, it } from 'vitest';
import { applyNetwork } from '../actions/apply-network.ts';
import type { NetworkOptions } from '../commands/network-options.ts';
import type { SandboxFile } from './sandbox-schema.ts';

/** The configuration of a sandbox as a file and options make it. */
async function configOf(described: SandboxFile, options: NetworkOptions = {}) {
  const builder = Sandbox.builder('box').image('alpine');
  applyNetwork(builder, options, described);
  return builder.build();
}

describe('the network of a configuration file', () => {
  const policyOf = async (described: SandboxFile['network'], options: NetworkOptions = {}) => {
    const config = await configOf({ network: described }, options);
    const { policy } = config['network'] as {
      policy: { defaultEgress: string; rules: { action: string; destination: unknown }[] };
    };
    return [policy.defaultEgress, ...policy.rules.map(({ action, destination }) => [action, destination])];
  };
  const host = ['allow', { group: 'host' }];
  const open = ['allow', { group: 'public' }];

  it('puts denials before what is allowed, which closes the rest', async () => {
    const a = { domain: 'a.com' };
    expect(await policyOf({ deny: ['private'] })).toEqual([
      'deny',
      ['deny', { group: 'private' }],
      host,
      open,
    ]);
    expect(await policyOf({ policy: 'open', allow: ['a.com'], deny: ['b.com'] })).toEqual([
      'deny',
      ['deny', { domain: 'b.com' }],
      ['allow', a],
    ]);
    expect(await policyOf({ policy: 'none' })).toEqual(['deny']);
    expect(await policyOf({ policy: 'open' })).toEqual(['allow']);
    await expect(policyOf({ allow: ['com'] })).rejects.toThrow('`com` is ambiguous');
  });

  it('gives way to options', async () => {
    const b = ['deny', { domain: 'b.com' }];
    const c = ['allow', { domain: 'c.com' }];
    expect(await policyOf({ policy: 'open', deny: ['b.com'] }, { netRule: ['allow@c.com'] })).toEqual([
      'allow',
      c,
      b,
    ]);
    expect(await policyOf({ deny: ['b.com'] }, { net: ['host'] })).toEqual([
      'deny',
      host,
      host,
      b,
      host,
      open,
    ]);
    const config = await configOf(
      { network: { dns: { nameservers: ['1.1.1.1'], query_timeout: '2s' }, max_connections: 7 } },
      { maxConnections: 9, noDnsRebindProtection: true },
    );
    expect(config['network']).toMatchObject({
      maxConnections: 9,
      dns: { nameservers: ['1.1.1.1:53'], queryTimeoutMs: 2000, rebindProtection: false },
    });
  });

  it('has secrets, whose values may stand elsewhere', async () => {
    const secrets = {
      LITERAL: { value: 'abc', allow: ['a.com', '*'] },
      NAMED: { allow: ['*.b.com'], inject: ['query_params' as const], require_tls_identity: false },
      OTHER: { value: `\${KEY}`, allow: ['c.com'] },
      LINKED: { value: { $msb_env: 'FROM' }, allow: ['d.com'] },
    };
    const headers = { headers: true, basicAuth: false, queryParams: false, body: false };
    expect((await configOf({ secrets }))['network']).toMatchObject({
      tls: { enabled: true },
      secrets: {
        secrets: [
          {
            envVar: 'LITERAL',
            value: 'abc',
            allowedHosts: [{ exact: 'a.com' }, { exact: '*' }],
            injection: headers,
          },
          {
            envVar: 'NAMED',
            value: '',
            source: { kind: 'env', var: 'NAMED' },
            allowedHosts: [{ wildcard: '*.b.com' }],
            injection: { headers: false, queryParams: true },
            requireTlsIdentity: false,
          },
          { envVar: 'OTHER', source: { var: 'KEY' } },
          { envVar: 'LINKED', source: { var: 'FROM' } },
        ],
      },
    });
  });

  it('intercepts TLS only when it says so', async () => {
    const tls = async (described: NonNullable<SandboxFile['network']>['tls']) =>
      ((await configOf({ network: { tls: described } }))['network'] as { tls?: object }).tls;
    expect(await tls({ bypass: ['a.com'] })).toBeUndefined();
    expect(await tls({ enabled: false })).toBeUndefined();
    expect(
      await tls({ enabled: true, bypass: ['a.com'], verify_upstream: false, block_quic: false }),
    ).toMatchObject({
      enabled: true,
      bypass: ['a.com'],
      verifyUpstream: false,
      blockQuicOnIntercept: false,
    });
  });
});
