import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUEST_NODE, GUEST_NPM, hostNodeShares } from './support/host-node.ts';
import { writeMirrors } from './support/mirrors.ts';
import { netnsObstacle, type TextResult } from './support/netns.ts';
import { NPM_PATH } from './support/npm-registry.ts';
import { HOSTS } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';
import { startSshServer } from './support/ssh-server.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const NAME = `tools-${process.pid}`;
const MIRROR = HOSTS.other;
/** May be reached by ssh, unlike all others. */
const SHELL = HOSTS.young;
const RULES = ['--net-rule', `allow@${SHELL.address}:tcp:22,deny@any:tcp:22`];

let net: SecureNetwork;

const sh = (command: string): Promise<TextResult> => net.msb(['exec', NAME, '--', 'bash', '-c', command]);

describe.skipIf(obstacle)('a guest whose TLS is opened', () => {
  beforeAll(async () => {
    net = await startSecureNetwork();
    await writeMirrors(join(net.folder, 'site'), MIRROR.name);
    const tls = ['--tls-intercept', '--tls-bypass', HOSTS.bypassed.name, ...net.trust];
    const options = [...tls, ...net.dns, ...RULES, ...(await hostNodeShares())];
    expect(await net.msb(['create', '--name', NAME, ...options, net.made.reference])).toMatchObject({
      code: 0,
    });
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

  it('installs with npm what is whole, over TLS and without', async () => {
    const registry = `${MIRROR.name}/${NPM_PATH}`;
    const from = `--registry https://${registry} --@plain:registry=http://${registry}`;
    const quiet = '--no-audit --no-fund --no-update-notifier';
    const install = `${GUEST_NPM} install ${from} --fetch-retries 0 ${quiet} greeting`;
    const run = `${GUEST_NODE} -e 'require("greeting")'`;
    const { code, stdout, stderr } = await sh(`cd $(mktemp -d) && ${install} && ${run}`);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/added 2 packages.*\nhello from a dependency\n$/s);
    // One archive is not what the registry says; the package that wants it can do without.
    expect(stderr).toMatch(/forged-1\.0\.0\.tgz .* seems to be corrupted/);
    expect(await net.received(MIRROR)).toContain(`GET /${NPM_PATH}archives/forged-1.0.0.tgz`);
    expect(await net.received(MIRROR, 'plain')).toContain(`GET /${NPM_PATH}archives/@plain-words-1.0.0.tgz`);
  });

  it('works on another host by ssh, where the policy lets it', async () => {
    const made = await sh("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 && cat /root/.ssh/*.pub");
    const home = join(net.folder, 'shell');
    await using server = await startSshServer({
      namespace: net.peer,
      address: SHELL.address,
      home,
      publicKey: made.stdout,
    });
    await sh(`echo '${SHELL.name} ${server.hostKey}' > /root/.ssh/known_hosts`);
    const ssh = `ssh -o BatchMode=yes ${SHELL.name}`;

    const said = await sh(`${ssh} 'echo out; echo err >&2; exit 7'`);
    expect(said).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });

    const copy = `head -c 8M /dev/urandom > /tmp/up && ${ssh} 'cat > up' < /tmp/up && ${ssh} 'cat up' > /tmp/down`;
    const sums = await sh(`${copy} && cat /tmp/up | sha256sum && cat /tmp/down | sha256sum`);
    expect(sums).toMatchObject({ code: 0, stderr: '' });
    const digest = createHash('sha256').update(await readFile(join(home, 'up')));
    expect(sums.stdout).toBe(`${digest.digest('hex')}  -\n`.repeat(2));
  });

  it('is told why it may not use ssh elsewhere, and what would allow it', async () => {
    const { code, stderr } = await sh(`ssh -o BatchMode=yes ${HOSTS.old.name}`);
    expect(code).toBe(255);
    expect(stderr).toContain('port 22: Connection refused');
    expect(stderr).toMatch(/hint: 1 connection was denied: .*:22\/tcp.*--net-rule 'allow@/);
    const log = await net.msb(['network', 'log', NAME, '--denied', '--format', 'json']);
    const events = log.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(expect.objectContaining({ address: HOSTS.old.address, port: 22 }));
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
