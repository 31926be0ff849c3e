import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consumer } from './consumer.ts';
import { type DebianHome, startDebianHome } from './debian-home.ts';
import { type Netns, PEER, startNetns, type TextResult } from './netns.ts';
import { HOSTS, receivedFile, type SecureHost } from './secure-hosts.ts';
import { makeTestCertificates } from './test-certificates.ts';

/** A Debian image, and the hosts of `secure-peer.ts` on the only network there is. */
export interface SecureNetwork extends Netns {
  readonly made: DebianHome;
  /** Folder of the peer: certificates, `site`, what was received. */
  readonly folder: string;
  /** Options of `msb create` for a sandbox that finds the hosts. */
  readonly dns: readonly string[];
  /** Options for one that trusts them. They turn on that TLS is opened. */
  readonly trust: readonly string[];
  /** Runs `msb` where the network is, with more variables. */
  msb(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<TextResult>;
  /** Everything that a host was told, over TLS by default. */
  received(host: SecureHost, how?: 'tls' | 'plain'): Promise<string>;
}

/** Makes it, with one page `hello` on every host. */
export async function startSecureNetwork(): Promise<SecureNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-secure-'));
  await mkdir(join(folder, 'site'));
  await writeFile(join(folder, 'site/hello'), 'hello\n');
  const hosts = Object.values(HOSTS);
  const [first, ...others] = hosts.map(({ name }) => name);
  if (first === undefined) throw new RangeError('no hosts');
  const { authority } = await makeTestCertificates(folder, [first, ...others]);
  const made = await startDebianHome();
  const addresses = hosts.map(({ address }) => address);
  const script = new URL('secure-peer.ts', import.meta.url);
  const net = await startNetns({ script, args: [folder, PEER.publicV6], addresses });
  return {
    ...net,
    made,
    folder,
    dns: ['--dns-nameserver', PEER.nameserver, '--dns-query-timeout-ms', '1000'],
    trust: ['--tls-upstream-ca-cert', authority],
    msb: (args, env = {}) =>
      net.run(join(consumer, 'node_modules/.bin/msb'), args, {
        env: { ...process.env, MSB_WARM: 'off', ...env },
      }),
    received: (host, how = 'tls') =>
      readFile(join(folder, receivedFile(host, how)), 'latin1').catch(() => ''),
    async [Symbol.asyncDispose]() {
      await net[Symbol.asyncDispose]();
      await made[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
