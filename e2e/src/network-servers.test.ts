import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { netnsObstacle, queueObstacle, type TextResult } from './support/netns.ts';
import { ODD_PORTS } from './support/odd-servers.ts';
import { residentMib, sandboxProcess } from './support/sandbox-process.ts';
import { HOSTS } from './support/secure-hosts.ts';
import { type SecureNetwork, startSecureNetwork } from './support/secure-network.ts';

/** A tenth of a second of delay, and a packet of fifty lost. */
const NETEM = ['netem', 'delay', '100ms', 'loss', '2%'] as const;
/** A narrow link with a short queue, that loses what does not fit. */
const TBF = ['tbf', 'rate', '16mbit', 'burst', '16kb', 'limit', '32kb'] as const;

const obstacle = netnsObstacle();
const queues = [NETEM, TBF].map((options) => ({ options, obstacle: queueObstacle(options) }));
for (const reason of new Set([obstacle, ...queues.map((queue) => queue.obstacle)])) {
  if (reason !== null) console.log(`skipped: ${reason}`);
}

/** Connections in a row; the whole trial takes 10 000. */
const CONNECTIONS = Number(process.env['MSB_TORTURE_CONNECTIONS'] ?? 2000);

const NAME = `servers-${process.pid}`;
const SERVER = HOSTS.other.address;

let net: SecureNetwork;

const exec = (...command: string[]): Promise<TextResult> => net.msb(['exec', NAME, '--', ...command]);
const sh = (command: string): Promise<TextResult> => exec('bash', '-c', command);

/** Runs Python in the guest, with a connection to a server's port as `s`. */
async function talk(port: number, script: string): Promise<string> {
  const opened = `import socket, sys\ns = socket.create_connection(("${SERVER}", ${port}), 60)\n${script}`;
  const { code, stdout, stderr } = await exec('python3', '-c', opened);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** Sends mebibytes of text, closes its half, and prints what the server says. */
const upload = (mebibytes: number) =>
  `s.sendall(b"a mebibyte is sixteen long lines"[:32] * 32768 * ${mebibytes})\ns.shutdown(socket.SHUT_WR)\nprint(s.recv(100).decode(), end="")`;

function digestOf(mebibytes: number): string {
  const content = Buffer.alloc(mebibytes * 1024 * 1024, 'a mebibyte is sixteen long lines');
  return createHash('sha256').update(content).digest('hex');
}

describe.skipIf(obstacle)('a guest among odd servers', () => {
  beforeAll(async () => {
    net = await startSecureNetwork();
    const create = ['create', '--name', NAME, '-p', '0:9090/udp', ...net.dns, net.made.reference];
    expect(await net.msb(create)).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await net?.msb(['rm', '--force', NAME]);
    await net?.[Symbol.asyncDispose]();
  });

  it('may go on sending when the server has closed its half', async () => {
    const script = 'said = s.recv(100)\nassert s.recv(1) == b""\ns.sendall(b"x" * 100000)\nprint(said)';
    expect(await talk(ODD_PORTS.halfClose, script)).toBe("b'closed\\n'\n");
    const told = () => talk(ODD_PORTS.told, 'print(s.recv(100).decode())');
    await expect.poll(told, { timeout: 60_000 }).toBe('100000\n');
  });

  it('sees a reset as a reset', async () => {
    const script =
      's.sendall(b"x")\ntry:\n  print(s.recv(100))\nexcept ConnectionResetError:\n  print("reset")';
    expect(await talk(ODD_PORTS.reset, script)).toBe('reset\n');
  });

  it('waits for a server that stalls, and loses nothing', async () => {
    expect(await talk(ODD_PORTS.stall, upload(8))).toBe(digestOf(8));
  });

  it('gets bytes that come one a second as they come', async () => {
    const script = 'parts = list(iter(lambda: s.recv(100), b""))\nprint(b"".join(parts), len(parts) > 1)';
    expect(await talk(ODD_PORTS.slow, script)).toBe("b'hi\\n' True\n");
  });

  for (const { options, obstacle: missing } of queues) {
    it.skipIf(missing)(`gets all through a link with ${options.join(' ')}`, async () => {
      const queue = (action: string, ...args: string[]) =>
        net.run('tc', ['qdisc', action, 'dev', 'up0', 'root', ...args]);
      expect(await queue('add', ...options)).toMatchObject({ code: 0 });
      expect(await talk(ODD_PORTS.stall, upload(4))).toBe(digestOf(4));
      expect(await queue('delete')).toMatchObject({ code: 0 });
    });
  }

  it(`makes ${CONNECTIONS} short connections in a row, and nothing is left of them`, async () => {
    const keeper = await sandboxProcess(net.made.home.path, NAME);
    const descriptors = async () => (await readdir(`/proc/${keeper}/fd`)).length;
    const loop = (count: number) =>
      `for i in range(${count}):\n  with socket.create_connection(("${SERVER}", ${ODD_PORTS.short})) as one:\n    assert one.recv(1) == b""\nprint("done")`;
    expect(await talk(ODD_PORTS.short, loop(50))).toBe('done\n');
    const before = { descriptors: await descriptors(), memory: await residentMib(keeper) };
    expect(await talk(ODD_PORTS.short, loop(CONNECTIONS))).toBe('done\n');
    await expect.poll(descriptors, { timeout: 60_000 }).toBeLessThanOrEqual(before.descriptors + 2);
    expect(await residentMib(keeper)).toBeLessThan(before.memory + 32);
  });

  it('has a published UDP port that is reached and answers', async () => {
    const echo =
      'import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.bind(("0.0.0.0", 9090))\nwhile True:\n  data, who = s.recvfrom(65536)\n  s.sendto(data.upper(), who)';
    expect(await net.msb(['exec', '-d', NAME, '--', 'python3', '-c', echo])).toMatchObject({ code: 0 });
    const { ports } = JSON.parse((await net.msb(['ps', NAME, '--format', 'json'])).stdout);
    const [, port = ''] = /:(\d+)->9090\/udp$/.exec(ports[0]) ?? [];
    const { stdout } = await net.run(process.execPath, ['-e', ASK_UDP, port]);
    expect(JSON.parse(stdout)).toEqual(UDP_SIZES.map((size) => 'A'.repeat(size)));
  });

  it('believes no answer that leads into a private network, nor one that is none', async () => {
    const lookUp = (name: string) => sh(`getent ahostsv4 ${name} | grep STREAM | cut -d ' ' -f 1`);
    expect((await lookUp(HOSTS.other.name)).stdout).toBe(`${SERVER}\n`);
    expect((await lookUp('rebinding.example.net')).stdout).toBe(`${SERVER}\n`);
    for (const name of ['rebinding', 'mixed', 'garbage']) {
      expect((await lookUp(`${name}.example.net`)).stdout).toBe('');
    }
    expect((await lookUp(HOSTS.other.name)).stdout).toBe(`${SERVER}\n`);
  });
});

const UDP_SIZES = [1, 500, 1400, 4000];

/** On the host: asks until it is answered, since the guest's program may be starting; prints the answers. */
const ASK_UDP = `
const socket = require('node:dgram').createSocket('udp4');
const ask = (size) => new Promise((resolve) => {
  const timer = setInterval(() => socket.send(Buffer.alloc(size, 'a'), process.argv[1], '127.0.0.1'), 500);
  socket.on('message', (answer) => {
    if (answer.length !== size) return;
    clearInterval(timer);
    resolve(answer.toString());
  });
});
Promise.all(${JSON.stringify(UDP_SIZES)}.map(ask)).then((answers) => {
  console.log(JSON.stringify(answers));
  process.exit();
});
`;
