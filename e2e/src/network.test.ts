import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk, msb } from './support/consumer.ts';
import { processesNaming } from './support/leftovers.ts';
import { type Netns, netnsObstacle, PEER, startNetns, type TextResult } from './support/netns.ts';
import { sandboxProcess } from './support/sandbox-process.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const { Sandbox } = await importSdk();

/** Ways to write what nobody may reach, with the address that goes over the wire, as events tell it. */
const NOTATIONS: Readonly<Record<string, string>> = {
  '2852039166': PEER.metadata,
  '0xa9fea9fe': PEER.metadata,
  '0251.0376.0251.0376': PEER.metadata,
  '[::ffff:169.254.169.254]': PEER.metadata,
  '[64:ff9b::a9fe:a9fe]': '64:ff9b::a9fe:a9fe',
  '[2002:a9fe:a9fe::1]': '2002:a9fe:a9fe::1',
  '10.99.1': PEER.private,
  '[64:ff9b::a63:1]': '64:ff9b::a63:1',
  '[fd77::2]': 'fd77::2',
};

/** No other sandbox of this machine has it. */
const NAME = `web-${process.pid}`;

let made: BusyboxHome;
let net: Netns;

/** `msb` on the host whose network is the test's. */
const here = (...args: string[]): Promise<TextResult> =>
  net.run(join(consumer, 'node_modules/.bin/msb'), args);

/** Runs a shell command in a sandbox. */
const sh = (name: string, command: string) => here('exec', name, '--', 'sh', '-c', command);

async function must(result: Promise<TextResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return stdout;
}

async function denied(name: string): Promise<Record<string, unknown>[]> {
  const lines = await must(here('network', 'log', name, '--denied', '--format', 'json'));
  return lines
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Processes of the sandbox; its monitor names it too. */
const processes = () => processesNaming(`microsandbox ${NAME}`);

async function portsOf(name: string): Promise<string[]> {
  return JSON.parse(await must(here('ps', name, '--format', 'json'))).ports;
}

/** The host's side of the published port that leads to `guestPort`. */
async function hostPort(name: string, guestPort: string): Promise<string> {
  const label = (await portsOf(name)).find((text) => text.endsWith(`->${guestPort}`)) ?? '';
  return /:(\d+)->/.exec(label)?.[1] ?? '';
}

const FETCH = 'fetch(process.argv[1]).then((page) => page.text()).then((text) => process.stdout.write(text))';

const fetchFrom = (port: string) => net.run(process.execPath, ['-e', FETCH, `http://127.0.0.1:${port}/`]);

describe.skipIf(obstacle)('a network', () => {
  beforeAll(async () => {
    made = await startBusyboxHome();
    net = await startNetns();
    // The registry is on the other network.
    expect(await msb(['pull', made.reference])).toMatchObject({ code: 0 });
    const ports = ['-p', '0:8080', '-p', '0:9090/udp'];
    const dns = ['--dns-nameserver', PEER.nameserver];
    await must(here('create', '--name', NAME, ...ports, ...dns, made.reference));
  });

  afterAll(async () => {
    await here('rm', '--force', NAME);
    await net?.[Symbol.asyncDispose]();
    await made?.[Symbol.asyncDispose]();
  });

  it('resolves names and reaches public addresses of both families', async () => {
    const page = 'hello from the peer\n';
    expect(await must(sh(NAME, 'wget -q -O - http://example.com/'))).toBe(page);
    expect(await must(sh(NAME, `wget -q -O - http://[${PEER.publicV6}]/`))).toBe(page);
    expect(await must(sh(NAME, `nslookup -type=a example.com ${PEER.public}:5300`))).toContain(PEER.public);
  });

  it('refuses private, metadata and host addresses, and says what would allow them', async () => {
    for (const address of [PEER.private, PEER.metadata, 'host.microsandbox.internal']) {
      const { code, stderr } = await sh(NAME, `wget -q -O - http://${address}/`);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/hint: \d+ connections? (was|were) denied: .*:80\/tcp.*--net-rule 'allow@/);
    }
    const { code } = await sh(NAME, 'nslookup lying.example.com');
    expect(code).not.toBe(0);
    expect(await denied(NAME)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ address: PEER.private, allow_rule: `allow@${PEER.private}:tcp:80` }),
        expect.objectContaining({ address: PEER.metadata, decided_by: 'default' }),
      ]),
    );
  });

  it('refuses them in every notation', async () => {
    // Another port than before: events of a kind that was there are only counted.
    const tries = Object.keys(NOTATIONS).map((host) => `wget -q -O - http://${host}:8000/ && echo ${host}`);
    expect((await sh(NAME, tries.join('; '))).stdout).toBe('');
    const seen = async () =>
      new Set((await denied(NAME)).filter(({ port }) => port === 8000).map(({ address }) => address));
    await expect.poll(seen, { timeout: 30_000 }).toEqual(new Set(Object.values(NOTATIONS)));
  });

  it('tells of refusals while they happen', async () => {
    const handle = await Sandbox.get(NAME);
    const events = handle.networkEvents({ follow: true });
    // What was there before shows that it has begun to read.
    expect((await events.next()).done).toBe(false);
    const refused = (async () => {
      for await (const event of events) if (event.port === 8001) return event;
    })();
    expect((await sh(NAME, `wget -q -O - http://${PEER.private}:8001/`)).code).not.toBe(0);
    expect(await refused).toMatchObject({
      action: 'deny',
      direction: 'egress',
      address: PEER.private,
      decidedBy: 'default',
      rule: null,
      allowRule: `allow@${PEER.private}:tcp:8001`,
      first: true,
    });
  });

  it('carries fifty mebibytes both ways unchanged', async () => {
    const content = Buffer.alloc(50 * 1024 * 1024, 'fifty mebibytes of text ');
    const digest = createHash('sha256').update(content).digest('hex');
    expect(await must(sh(NAME, 'wget -q -O - http://example.com/large | sha256sum'))).toContain(digest);
    const upload =
      'wget -q -O /large http://example.com/large && wget -q -O - --post-file /large http://example.com/up';
    expect(await must(sh(NAME, upload))).toBe(digest);
  });

  it('has 256 connections at once', async () => {
    const loop = `for i in $(seq 256); do nc ${PEER.public} 81 < /dev/null & done; wait`;
    const output = await must(sh(NAME, loop));
    expect(output.split('\n').filter((line) => line === 'all here')).toHaveLength(256);
  });

  it('leaks no descriptor over many short connections', async () => {
    const pid = await sandboxProcess(made.home.path, NAME);
    const descriptors = async () => (await readdir(`/proc/${pid}/fd`)).length;
    const loop = (count: number) =>
      `for i in $(seq ${count}); do wget -q -O /dev/null http://example.com/ || exit 1; done`;
    await must(sh(NAME, loop(5)));
    const before = await descriptors();
    await must(sh(NAME, loop(100)));
    await expect.poll(descriptors, { timeout: 20_000 }).toBeLessThan(before + 20);
  });

  it('publishes ports, and shows the real ones', async () => {
    const ports = await portsOf(NAME);
    expect(ports).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*->8080\/tcp$/),
      expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*->9090\/udp$/),
    ]);
    await must(sh(NAME, 'mkdir -p /site; echo from the guest > /site/index.html; httpd -p 8080 -h /site'));
    const { stdout } = await fetchFrom(await hostPort(NAME, '8080/tcp'));
    expect(stdout).toBe('from the guest\n');
  });

  it('tells what a policy does, and learns one from a run', async () => {
    const check = (...args: string[]) => here('policy', 'check', ...args);
    expect(await must(check(NAME, `${PEER.public}:80`))).toBe(
      `allow ${PEER.public}:80/tcp by rule allow@public\n`,
    );
    const refused = await check(NAME, `${PEER.private}:80/tcp`);
    expect(refused).toMatchObject({
      code: 1,
      stdout: `deny  ${PEER.private}:80/tcp by the default; allow it with --net-rule 'allow@${PEER.private}:tcp:80'\n`,
    });
    expect((await check('--net', 'none', `${PEER.public}:80`)).code).toBe(1);
    const learned = await must(here('policy', 'learn', NAME));
    expect(learned).toContain('--no-net\n');
    expect(learned).toContain('--net-rule allow@example.com:tcp:80\n');
  });

  it.each([
    ['nothing with --net none', ['--net', 'none'], { name: false, address: false }],
    ['nothing with --no-net', ['--no-net'], { name: false, address: false }],
    [
      'what rules say',
      ['--no-net', '--net-rule', 'allow@dns,allow@example.com:tcp:80'],
      { name: true, address: true },
    ],
  ])('lets through %s', async (_what, flags, expected) => {
    const dns = ['--dns-nameserver', PEER.nameserver];
    const script =
      'nslookup example.com >/dev/null 2>&1; echo name $?; wget -q -O /dev/null http://example.com/ 2>/dev/null; echo address $?; wget -q -O /dev/null http://example.com:81/ 2>/dev/null; echo other $?';
    const output = await must(here('run', ...flags, ...dns, made.reference, '--', 'sh', '-c', script));
    expect(/^address 0$/m.test(output)).toBe(expected.address);
    expect(/^name 0$/m.test(output)).toBe(expected.name);
    expect(output).not.toMatch(/^other 0$/m);
  });

  it('leaves no listener and no process behind', async () => {
    const port = await hostPort(NAME, '8080/tcp');
    await must(here('stop', NAME));
    expect((await fetchFrom(port)).code).not.toBe(0);
    expect(await processes()).toEqual([]);

    await must(here('start', NAME));
    const again = await hostPort(NAME, '8080/tcp');
    process.kill(await sandboxProcess(made.home.path, NAME), 'SIGKILL');
    await expect.poll(processes, { timeout: 20_000 }).toEqual([]);
    expect((await fetchFrom(again)).code).not.toBe(0);
  });
});
