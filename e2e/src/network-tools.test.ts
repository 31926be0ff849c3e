import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeMirrors } from './support/mirrors.ts';
import { netnsObstacle, type TextResult } from './support/netns.ts';
import { HOSTS } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const NAME = `tools-${process.pid}`;
const MIRROR = HOSTS.other;

let net: SecureNetwork;

const sh = (command: string): Promise<TextResult> => net.msb(['exec', NAME, '--', 'bash', '-c', command]);

describe.skipIf(obstacle)('a guest whose TLS is opened', () => {
  beforeAll(async () => {
    net = await startSecureNetwork();
    await writeMirrors(join(net.folder, 'site'));
    const tls = ['--tls-intercept', '--tls-bypass', HOSTS.bypassed.name];
    const create = ['create', '--name', NAME, ...tls, ...net.dns, ...net.trust, net.made.reference];
    expect(await net.msb(create)).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await net?.msb(['rm', '--force', NAME]);
    await net?.[Symbol.asyncDispose]();
  });

  it.each([
    ['curl', `curl -sS https://${HOSTS.old.name}/hello`, 'hello\n'],
    [
      'curl with its own list',
      `curl -sS --cacert $NODE_EXTRA_CA_CERTS https://${HOSTS.young.name}/hello`,
      'hello\n',
    ],
    ['wget', `wget -q -O - https://${MIRROR.name}/hello`, 'hello\n'],
    ['nc', `printf 'GET /hello HTTP/1.0\\r\\n\\r\\n' | nc -w 30 ${MIRROR.name} 80 | tail -n 1`, 'hello\n'],
    ['ping', `ping -q -c 3 -i 0.2 -W 20 ${MIRROR.address} | grep -o '3 received'`, '3 received\n'],
    [
      'git over TLS',
      `git clone -q https://${MIRROR.name}/project.git /tmp/a && cat /tmp/a/README`,
      'a project\n',
    ],
    [
      'git',
      `git clone -q http://${MIRROR.name}/project.git /tmp/b && git -C /tmp/b log --format=%s`,
      'first\n',
    ],
    [
      'pip',
      `pip install -q --root-user-action ignore --break-system-packages --no-cache-dir --disable-pip-version-check -i https://${MIRROR.name}/simple greeting && python3 -m greeting`,
      'hello from a package\n',
    ],
  ])('has the use of %s', async (_what, command, expected) => {
    expect(await sh(command)).toEqual({ code: 0, stdout: expected, stderr: '' });
  });

  it('sees who signed: the home for opened connections, the server for others', async () => {
    const issuer = (host: string) =>
      sh(`curl -ksv https://${host}/hello 2>&1 >/dev/null | grep -E 'issuer|ALPN: server'`);
    const opened = await issuer(HOSTS.young.name);
    expect(opened.stdout).toContain('issuer: CN=microsandbox CA; O=microsandbox');
    const bypassed = await issuer(HOSTS.bypassed.name);
    expect(bypassed.stdout).toContain('issuer: CN=Authority of the tests');
    expect(bypassed.stdout).toContain('ALPN: server accepted h2');
  });

  it('does not reach a server that the host does not trust', async () => {
    expect((await sh(`curl -sSk --max-time 60 https://${HOSTS.liar.name}/hello`)).code).not.toBe(0);
    expect(await net.received(HOSTS.liar)).toBe('');
  });
});
