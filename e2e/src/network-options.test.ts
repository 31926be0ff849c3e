import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumer } from './support/consumer.ts';
import { writeMirrors } from './support/mirrors.ts';
import { netnsObstacle, PEER, type TextResult } from './support/netns.ts';
import { HOSTS } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';
import { PROXY_FILE, PROXY_PORT } from './support/tunnel-proxy.ts';
import { ECHO_FILE, ECHO_PORTS } from './support/udp-echo.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

/** May reach the host, and asks its name servers. */
const OPEN = `open-${process.pid}`;
/** Has limits; a whole number of KiB and of frames in a second. */
const LIMITED = `limited-${process.pid}`;
const LIMITS = { upKib: 512, downFrames: 200 } as const;
/** One of many on its host, whose policy has no more to say than the platform's. */
const TENANT = `tenant-${process.pid}`;

const SERVER = HOSTS.other;
/** No address of the host. */
const FOREIGN = '203.0.113.9';
/** Of an Ethernet frame's TCP payload, at most. */
const SEGMENT = 1460;

let net: SecureNetwork;
let resolvConf: string;
/** What was said while each sandbox was made. */
const warnings = new Map<string, string>();

/** `msb` on a host whose `/etc/resolv.conf` is the test's. */
const msb = (...args: string[]): Promise<TextResult> => {
  const program = join(consumer, 'node_modules/.bin/msb');
  const mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return net.run('unshare', ['--mount', 'sh', '-c', mount, resolvConf, program, ...args], {
    env: { ...process.env, MSB_WARM: 'off' },
  });
};

const sh = (name: string, command: string) => msb('exec', name, '--', 'bash', '-c', command);
const python = (name: string, script: string) => msb('exec', name, '--', 'python3', '-c', script);

async function must(result: Promise<TextResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** Published ports as users see them: `bind:host->guest/protocol`. */
async function portsOf(name: string): Promise<string[]> {
  return JSON.parse(await must(msb('ps', name, '--format', 'json'))).ports;
}

/** The host's side of a port that {@link OPEN} publishes there. */
async function hostPort(bind: string, guest: string): Promise<string> {
  const label = (await portsOf(OPEN)).find((text) => text.startsWith(bind) && text.endsWith(`->${guest}`));
  const [, port] = /:(\d+)->/.exec(label ?? '') ?? [];
  if (port === undefined) throw new Error(`${guest} is not published at ${bind}`);
  return port;
}

async function denied(name: string): Promise<Record<string, unknown>[]> {
  const lines = await must(msb('network', 'log', name, '--denied', '--format', 'json'));
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** What the peer wrote down. */
const peerFile = (name: string): Promise<string> =>
  readFile(join(net.folder, name), 'latin1').catch(() => '');

/** Tunnels that the proxy was asked for. */
const tunnels = async (): Promise<number> => (await peerFile(PROXY_FILE)).split('CONNECT ').length - 1;

/** A page as the host gets it; empty when nobody answers. */
const page = async (end: string): Promise<string> =>
  (await net.run('curl', ['-sS', '--max-time', '60', `http://${end}/`])).stdout;

/** In the guest: what came back of datagrams of these sizes, each sent until it did. */
const echoed = (host: string, port: number, words: readonly string[]): string => `
import socket
s = socket.socket(socket.AF_INET6 if ":" in "${host}" else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
def ask(word):
  for _ in range(30):
    try:
      s.sendto(word, ("${host}", ${port}))
      while True:
        if s.recv(70000) == word.upper(): return True
    except (TimeoutError, OSError): pass
print([ask(word.encode()) for word in [${words.join(', ')}]])
`;

const sizes = (...counts: readonly number[]) => counts.map((count) => `"a" * ${count}`);

describe.skipIf(obstacle)('a network', () => {
  beforeAll(async () => {
    net = await startSecureNetwork();
    await writeMirrors(join(net.folder, 'site'), SERVER.name);
    await writeFile(join(net.folder, 'site/many'), Buffer.alloc(3 * LIMITS.downFrames * SEGMENT));
    resolvConf = join(net.folder, 'resolv.conf');
    await writeFile(resolvConf, `nameserver ${PEER.nameserver}\n`);
    const create = async (name: string, ...options: string[]) => {
      const args = ['--name', name, '--dns-query-timeout-ms', '1000', ...options, net.made.reference];
      const result = await msb('create', ...args);
      await must(Promise.resolve(result));
      warnings.set(name, result.stderr);
    };
    const published = ['127.0.0.2:0:8080', '[::1]:0:8080', '[::1]:0:9090/udp', `${FOREIGN}:0:8080`];
    await create(OPEN, '--net', 'public,host', ...published.flatMap((port) => ['-p', port]));
    const taken = `127.0.0.2:${await hostPort('127.0.0.2', '8080/tcp')}:8080`;
    const limits = [
      '--net-egress-bandwidth',
      `${LIMITS.upKib}K`,
      '--net-ingress-ops',
      `${LIMITS.downFrames}`,
    ];
    await create(LIMITED, ...limits, '-p', taken, '-p', '127.0.0.2:0:8081');
    const tenant = ['--deployment-profile', 'multi-tenant', '--net', 'all', '-p', '0:8080'];
    await create(TENANT, ...tenant, '--tls-intercept');
    await must(msb('exec', '-d', OPEN, '--', 'python3', '-m', 'http.server', '-d', '/etc/apt', '8080'));
  });

  afterAll(async () => {
    for (const name of [OPEN, LIMITED, TENANT]) await net?.msb(['rm', '--force', name]);
    await net?.[Symbol.asyncDispose]();
  });

  it('publishes ports where they are bound and nowhere else, and those that cannot be bound nowhere', async () => {
    const [ipv4, ipv6] = [await hostPort('127.0.0.2', '8080/tcp'), await hostPort('::1', '8080/tcp')];
    for (const end of [`127.0.0.2:${ipv4}`, `[::1]:${ipv6}`]) {
      await expect.poll(() => page(end), { timeout: 60_000 }).toContain('sources.list');
    }
    expect(await page(`127.0.0.1:${ipv4}`)).toBe('');
    expect((await portsOf(OPEN)).join()).not.toContain(FOREIGN);
    // What one sandbox has, another does not get; it runs without.
    expect(await portsOf(LIMITED)).toEqual([expect.stringMatching(/^127\.0\.0\.2:\d+->8081\/tcp$/)]);
    expect(warnings.get(OPEN)).toContain(`warn: port ${FOREIGN}:0 -> 8080/tcp is not published\n`);
    expect(warnings.get(OPEN)?.match(/is not published/g)).toHaveLength(1);
    expect(warnings.get(LIMITED)).toContain(`warn: port 127.0.0.2:${ipv4} -> 8080/tcp is not published\n`);
    const told = await must(msb('logs', LIMITED, '--source', 'system'));
    expect(told).toContain(`published TCP port listener failed: 127.0.0.2:${ipv4} -> 8080`);
  });

  it('has datagrams of a published IPv6 port answered', async () => {
    const echo =
      'import socket\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\ns.bind(("::", 9090))\nwhile True:\n  data, who = s.recvfrom(65536)\n  s.sendto(data.upper(), who)';
    await must(msb('exec', '-d', OPEN, '--', 'python3', '-c', echo));
    const port = Number(await hostPort('::1', '9090/udp'));
    expect(await must(net.run('python3', ['-c', echoed('::1', port, sizes(1, 1400, 4000))]))).toBe(
      '[True, True, True]\n',
    );
  });

  it('reaches the host under its alias where the policy says so, in either family', async () => {
    // Only on the IPv6 loopback, which comes second where the gateway is an IPv4 address.
    const port = await hostPort('::1', '8080/tcp');
    const url = `http://host.microsandbox.internal:${port}/`;
    for (const family of ['-4', '-6']) {
      expect(await must(sh(OPEN, `curl -sS ${family} ${url}`))).toContain('sources.list');
    }
    const refused = await sh(LIMITED, `curl -sS ${url}`);
    expect(refused.code).toBe(7);
    expect(refused.stderr).toContain("--net-rule 'allow@");
  });

  it('relays pings to where they may go, and the gateway answers those that may ask', async () => {
    const ping = (name: string, to: string, wait: number) =>
      sh(name, `ping -q -c 1 -W ${wait} ${to} | grep -o '1 received'`);
    const gateway = 'host.microsandbox.internal';
    for (const to of [PEER.public, PEER.publicV6, gateway]) {
      expect((await ping(OPEN, to, 60)).stdout).toBe('1 received\n');
    }
    expect((await ping(OPEN, PEER.private, 1)).stdout).toBe('');
    expect((await ping(LIMITED, gateway, 1)).stdout).toBe('');
    await expect
      .poll(() => denied(OPEN), { timeout: 30_000 })
      .toContainEqual(expect.objectContaining({ address: PEER.private, protocol: 'icmpv4' }));
  });

  it('carries datagrams of every size, also over a link that is narrower than the guest’s', async () => {
    expect(await must(sh(OPEN, 'cat /sys/class/net/eth0/mtu'))).toBe('1500\n');
    const over = (host: string, ...counts: number[]) =>
      must(python(OPEN, echoed(host, ECHO_PORTS.other, sizes(...counts))));
    expect(await over(SERVER.address, 1, 1472, 1473, 9000)).toBe('[True, True, True, True]\n');
    expect(await over(PEER.publicV6, 1, 1452, 1453, 9000)).toBe('[True, True, True, True]\n');
    const narrow = ['link', 'set', 'up0', 'mtu', '1280'];
    await must(net.run('ip', narrow));
    await must(net.run('ip', ['-n', net.peer, ...narrow]));
    expect(await over(SERVER.address, 1400, 9000)).toBe('[True, True]\n');
    expect(await must(sh(OPEN, `curl -sS http://${SERVER.address}/many | wc -c`))).toBe(
      `${3 * LIMITS.downFrames * SEGMENT}\n`,
    );
  });

  it('leaves tunnels through a proxy to the tools that make them', async () => {
    const url = `https://${SERVER.name}`;
    const tools = [
      `curl -ksS ${url}/hello`,
      `wget --no-check-certificate -q -O - ${url}/hello`,
      `git -c http.sslVerify=false clone -q ${url}/project.git /tmp/p && cat /tmp/p/README`,
      `pip download -q --no-cache-dir --disable-pip-version-check --trusted-host ${SERVER.name} -d /tmp -i ${url}/simple greeting && echo came`,
    ];
    for (const [index, expected] of ['hello\n', 'hello\n', 'a project\n', 'came\n'].entries()) {
      const before = await tunnels();
      const proxy = `http://${SERVER.address}:${PROXY_PORT}`;
      const { stdout, stderr } = await sh(OPEN, `export https_proxy=${proxy}; ${tools[index]}`);
      expect({ stdout, stderr }).toEqual({ stdout: expected, stderr: '' });
      expect(await tunnels()).toBeGreaterThan(before);
    }
  });

  it('is as slow as its limits say, and loses nothing', async () => {
    const timed = (what: string) =>
      must(sh(LIMITED, `curl -sS -o /dev/null -w '%{time_total} %{http_code}' ${what}`));
    const upload = `head -c ${3 * LIMITS.upKib * 1024} /dev/zero > /tmp/up; `;
    await must(sh(LIMITED, upload));
    const [up] = /^[\d.]+(?= 404$)/.exec(
      await timed(`-H Expect: --data-binary @/tmp/up http://${SERVER.address}/up`),
    ) ?? ['none'];
    const [down] = /^[\d.]+(?= 200$)/.exec(await timed(`http://${SERVER.address}/many`)) ?? ['none'];
    // What a second allows goes at once, the rest in two seconds at least.
    expect(Number(up)).toBeGreaterThan(1.9);
    expect(Number(down)).toBeGreaterThan(1.9);
  });

  it('drops what may be QUIC where TLS is opened, and nothing else', async () => {
    const send = (word: string, port: number) =>
      `import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b"${word}", ("${SERVER.address}", ${port}))\n`;
    const ask = (word: string, port: number) => echoed(SERVER.address, port, [`"${word}"`]);
    const quic = send('quic-intercepted', ECHO_PORTS.quic) + ask('other-intercepted', ECHO_PORTS.other);
    expect(await must(python(TENANT, quic))).toBe('[True]\n');
    expect(await must(python(OPEN, ask('quic-plain', ECHO_PORTS.quic)))).toBe('[True]\n');
    const received = await peerFile(ECHO_FILE);
    expect(received).toContain('other-intercepted');
    expect(received).toContain('quic-plain');
    expect(received).not.toContain('quic-intercepted');
  });

  it('keeps tenants from one another and from the host, whatever their policy', async () => {
    expect(await portsOf(TENANT)).toEqual([]);
    const [guest = ''] = (await must(sh(OPEN, 'hostname -I'))).split(' ');
    const published = await hostPort('::1', '8080/tcp');
    const targets = [`${guest}:8080`, `host.microsandbox.internal:${published}`, `${PEER.private}:80`];
    for (const target of targets) {
      expect((await sh(TENANT, `curl -sS --max-time 60 http://${target}/`)).code).toBe(7);
    }
    const deciders = async () => (await denied(TENANT)).map((event) => event['decided_by']);
    // The host has an address of each family, and curl may try both.
    const count = async () => (await deciders()).length;
    await expect.poll(count, { timeout: 30_000 }).toBeGreaterThanOrEqual(targets.length);
    expect(new Set(await deciders())).toEqual(new Set(['platform']));
    // Neither does one without a platform's policy.
    expect((await sh(LIMITED, `curl -sS --max-time 60 http://${guest}:8080/`)).code).toBe(7);
  });

  // The last one: nobody answers at the old address then.
  it('asks the name servers that the host has now', async () => {
    const lookUp = async () => (await sh(OPEN, `getent ahostsv4 ${SERVER.name} | head -n 1`)).stdout;
    expect(await lookUp()).toContain(SERVER.address);
    await must(net.run('ip', ['-n', net.peer, 'address', 'delete', PEER.nameserver, 'dev', 'lo']));
    // This one says of everything that it is there itself.
    await writeFile(resolvConf, `nameserver ${HOSTS.liar.address}\n`);
    await expect.poll(lookUp, { timeout: 90_000 }).toContain(HOSTS.liar.address);
  });
});
