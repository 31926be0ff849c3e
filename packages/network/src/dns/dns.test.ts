import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostnameInsert, NetworkAddresses, PolicyQuestion, PolicyVerdict } from '@microsandbox/native';
import { SeededRandom } from '@microsandbox/test-utils';
import { type Answer, decode, encode, type Packet, type Question, RECURSION_DESIRED } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { addressesOf, insertOf, readAnswer } from './answer.ts';
import { DnsForwarder, HOST_ALIAS } from './dns-forwarder.ts';
import { readQuestion } from './question.ts';
import { isReservedAddress } from './reserved-address.ts';
import { parseResolvConf } from './resolv-conf.ts';
import { DnsUpstreams } from './upstreams.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Zone = (question: Question, transport: 'udp' | 'tcp') => Partial<Packet> | null;

/** A name server on loopback, over UDP and TCP on one port, that answers as the zone says; null is silence. */
async function nameServer(zone: Zone): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const respond = (message: Buffer, transport: 'udp' | 'tcp'): Buffer | null => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined) throw new Error('a query without a question');
    asked.push(`${transport} ${question.name} ${question.type}`);
    const reply = zone(question, transport);
    return reply && encode({ type: 'response', id: query.id ?? 0, questions: [question], ...reply });
  };
  const udp = createSocket('udp4');
  udp.on('message', (message, peer) => {
    const response = respond(message, 'udp');
    if (response !== null) udp.send(response, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const { port } = udp.address();
  const sockets = new Set<Socket>();
  const tcp: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      for (let rest = chunk; rest.length > 2; rest = rest.subarray(2 + rest.readUInt16BE(0))) {
        const response = respond(rest.subarray(2, 2 + rest.readUInt16BE(0)), 'tcp');
        if (response === null) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(response.length);
        // Split, as a network may.
        socket.write(length);
        socket.write(response);
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
  cleanups.push(async () => {
    udp.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => tcp.close(resolve));
  });
  return { port, asked };
}

const ADDRESSES: NetworkAddresses = {
  guestMac: [],
  gatewayMac: [],
  routeMtu: 1500,
  mtu: 1500,
  ipv4: { guest: '172.16.0.6', gateway: '172.16.0.5', prefixLength: 30 },
  ipv6: null,
};

interface Setup {
  readonly ports: readonly number[];
  /** Refuses or admits questions; everything but answers is admitted without it. */
  readonly verdict?: (question: PolicyQuestion) => PolicyVerdict['action'];
  readonly rebindProtection?: boolean;
  readonly timeoutMs?: number;
}

/** A forwarder whose policy is a function. */
function forwarder({ ports, verdict, rebindProtection = true, timeoutMs = 2000 }: Setup): DnsForwarder {
  const upstreams = new DnsUpstreams({
    nameservers: ports.map((port) => ({ host: '127.0.0.1', port })),
    timeoutMs,
  });
  cleanups.push(() => upstreams[Symbol.dispose]());
  const decide = verdict ?? (({ kind }) => (kind === 'answer' ? 'none' : 'allow'));
  return new DnsForwarder({
    addresses: ADDRESSES,
    upstreams,
    config: { rebind_protection: rebindProtection, nameservers: [], query_timeout_ms: timeoutMs },
    stack: {
      respond: () => {},
      evaluate: (question) => ({
        action: decide(question),
        reason: { decidedBy: 'default', rule: null },
        allowRule: null,
      }),
    },
  });
}

function queryOf(name: string, type: Question['type'] = 'A', extra: Partial<Packet> = {}): Buffer {
  return encode({
    type: 'query',
    id: 4711,
    flags: RECURSION_DESIRED,
    questions: [{ type, name }],
    ...extra,
  } as Packet);
}

interface Answered {
  readonly packet: ReturnType<typeof decode> & {
    rcode: string;
    flag_tc: boolean;
    flag_aa: boolean;
    flag_ra: boolean;
  };
  readonly inserts: readonly HostnameInsert[];
}

async function ask(
  target: DnsForwarder,
  message: Buffer,
  { transport = 'udp', address = '172.16.0.5' }: { transport?: 'udp' | 'tcp'; address?: string } = {},
): Promise<Answered> {
  const resolved = await target.resolve({ message, transport, address, port: 53 });
  if (resolved === null) throw new Error('no response');
  return { packet: decode(resolved.response) as Answered['packet'], inserts: resolved.inserts };
}

const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, data, ttl });

describe('queries', () => {
  it('are forwarded, and their answers known by name', async () => {
    const server = await nameServer(() => ({ answers: [a('Example.com', '93.184.216.34', 30)] }));
    const { packet, inserts } = await ask(forwarder({ ports: [server.port] }), queryOf('example.COM'));
    expect(packet).toMatchObject({ id: 4711, rcode: 'NOERROR', answers: [{ data: '93.184.216.34' }] });
    expect(inserts).toEqual([{ name: 'example.com', family: 4, addresses: ['93.184.216.34'], ttl: 30 }]);
    expect(server.asked).toEqual(['udp example.COM A']);
  });

  it('over TCP go out over TCP, many on one connection', async () => {
    const server = await nameServer(({ name }) => ({ answers: [a(name, '93.184.216.34')] }));
    const target = forwarder({ ports: [server.port] });
    const names = Array.from({ length: 50 }, (_, index) => `n${index}.example.com`);
    const answered = await Promise.all(names.map((name) => ask(target, queryOf(name), { transport: 'tcp' })));
    expect(answered.map(({ packet }) => packet.answers?.[0]?.name)).toEqual(names);
    expect(server.asked).toHaveLength(50);
    expect(server.asked.every((line) => line.startsWith('tcp '))).toBe(true);
  });

  it('that the policy denies do not go out', async () => {
    const server = await nameServer(() => ({}));
    const target = forwarder({
      ports: [server.port],
      verdict: (question) => (question.kind === 'dns' && question.name === 'bad.com' ? 'deny' : 'allow'),
    });
    expect((await ask(target, queryOf('BAD.com'))).packet).toMatchObject({
      id: 4711,
      rcode: 'NXDOMAIN',
      flag_ra: true,
      questions: [{ name: 'BAD.com' }],
    });
    expect(server.asked).toEqual([]);
  });

  it('for a family that the guest does not have are empty', async () => {
    const server = await nameServer(() => ({}));
    const { packet, inserts } = await ask(forwarder({ ports: [server.port] }), queryOf('a.com', 'AAAA'));
    expect(packet).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(inserts).toEqual([{ name: 'a.com', family: 6, addresses: [], ttl: 0 }]);
    expect(server.asked).toEqual([]);
  });

  it('for the host are answered by the gateway', async () => {
    const target = forwarder({ ports: [1] });
    const { packet } = await ask(target, queryOf(HOST_ALIAS.toUpperCase()));
    expect(packet).toMatchObject({
      rcode: 'NOERROR',
      flag_aa: true,
      answers: [{ name: HOST_ALIAS.toUpperCase(), data: '172.16.0.5', ttl: 60 }],
    });
  });

  it('go to the next server when one is silent, and not when it says no', async () => {
    const silent = await nameServer(() => null);
    const failing = await nameServer(() => ({ flags: 2 }));
    const good = await nameServer(({ name }) => ({ answers: [a(name, '93.184.216.34')] }));
    const patient = forwarder({ ports: [silent.port, good.port], timeoutMs: 100 });
    expect((await ask(patient, queryOf('a.com'))).packet.rcode).toBe('NOERROR');
    const obedient = forwarder({ ports: [failing.port, good.port] });
    expect((await ask(obedient, queryOf('a.com'))).packet.rcode).toBe('SERVFAIL');
    const lonely = forwarder({ ports: [silent.port], timeoutMs: 50 });
    expect((await ask(lonely, queryOf('a.com'))).packet.rcode).toBe('SERVFAIL');
    expect((await ask(lonely, queryOf('a.com'), { transport: 'tcp' })).packet.rcode).toBe('SERVFAIL');
  });

  it('to a server of the guest’s own choice need the policy’s leave', async () => {
    const target = forwarder({
      ports: [1],
      verdict: (question) => (question.kind === 'egress' ? 'deny' : 'allow'),
    });
    const { packet } = await ask(target, queryOf('a.com'), { address: '10.0.0.53' });
    expect(packet.rcode).toBe('NXDOMAIN');
  });

  it('are truncated when the client cannot take the answer', async () => {
    const answers = Array.from({ length: 60 }, (_, index) => a('big.com', `93.184.216.${index}`));
    const server = await nameServer(() => ({ answers }));
    const target = forwarder({ ports: [server.port] });
    const { packet, inserts } = await ask(target, queryOf('big.com'));
    expect(packet).toMatchObject({ rcode: 'NOERROR', flag_tc: true, answers: [] });
    expect(inserts[0]?.addresses).toHaveLength(60);
    const opt = { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 4096 }] } as Partial<Packet>;
    expect((await ask(target, queryOf('big.com', 'A', opt))).packet.answers).toHaveLength(60);
    expect((await ask(target, queryOf('big.com'), { transport: 'tcp' })).packet.answers).toHaveLength(60);
  });
});

describe('rebind protection', () => {
  const inward =
    (address: string): Zone =>
    () => ({ answers: [a('rebind.com', address)] });

  it('refuses answers that point inwards', async () => {
    const server = await nameServer(inward('192.168.1.1'));
    const { packet, inserts } = await ask(forwarder({ ports: [server.port] }), queryOf('rebind.com'));
    expect(packet).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(inserts).toEqual([]);
  });

  it('yields to the policy, and to whoever switches it off', async () => {
    const server = await nameServer(inward('192.168.1.1'));
    const admitted = forwarder({ ports: [server.port], verdict: () => 'allow' });
    expect((await ask(admitted, queryOf('rebind.com'))).packet.rcode).toBe('NOERROR');
    const open = forwarder({ ports: [server.port], rebindProtection: false });
    expect((await ask(open, queryOf('rebind.com'))).packet.rcode).toBe('NOERROR');
  });

  it.each([
    ['0.1.2.3', true],
    ['100.64.0.1', true],
    ['169.254.169.254', true],
    ['255.255.255.255', true],
    ['::ffff:10.0.0.1', true],
    ['fd00::1', true],
    ['fe80::1', true],
    ['64:ff9b:1::1', true],
    ['8.8.8.8', false],
    ['::ffff:8.8.8.8', false],
    ['2606:4700::1111', false],
    ['100.128.0.1', false],
  ])('%s is reserved: %s', (address, expected) => {
    expect(isReservedAddress(address)).toBe(expected);
  });
});

describe('names of addresses', () => {
  const question = readQuestion(queryOf('www.a.com'));
  const inserted = (answers: Answer[]) => {
    if (question === null || question === 'count') throw new Error('no question');
    return insertOf(question, readAnswer(encode({ type: 'response', answers } as Packet)));
  };

  it('follow aliases in any order, and live as long as the shortest record', () => {
    expect(
      inserted([
        a('c.net', '1.1.1.1', 100),
        { type: 'CNAME', name: 'b.net', data: 'C.net', ttl: 20 },
        { type: 'CNAME', name: 'www.a.com', data: 'b.net', ttl: 50 },
        a('other.net', '9.9.9.9', 1),
        { type: 'AAAA', name: 'c.net', data: '2606:4700::1111', ttl: 1 },
      ]),
    ).toEqual({ name: 'www.a.com', family: 4, addresses: ['1.1.1.1'], ttl: 20 });
    expect(inserted([a('www.a.com', '1.1.1.1', 0)])).toMatchObject({ ttl: 1 });
  });

  it('are forgotten when there are none', () => {
    expect(inserted([a('other.net', '9.9.9.9')])).toEqual({
      name: 'www.a.com',
      family: 4,
      addresses: [],
      ttl: 0,
    });
    const loop: Answer[] = [
      { type: 'CNAME', name: 'www.a.com', data: 'b.net' },
      { type: 'CNAME', name: 'b.net', data: 'www.a.com' },
    ];
    expect(inserted(loop)?.addresses).toEqual([]);
  });
});

describe('hostile messages', () => {
  it('get no answer, or a format error', async () => {
    const target = forwarder({ ports: [1] });
    const resolve = (message: Buffer) =>
      target.resolve({ message, transport: 'udp', address: '172.16.0.5', port: 53 });
    expect(await resolve(Buffer.alloc(5))).toBeNull();
    expect(await resolve(encode({ type: 'response', questions: [{ type: 'A', name: 'a.com' }] }))).toBeNull();
    const two = encode({
      type: 'query',
      id: 7,
      questions: [
        { type: 'A', name: 'a.com' },
        { type: 'A', name: 'b.com' },
      ],
    });
    const formErr = await resolve(two);
    expect(formErr && decode(formErr.response)).toMatchObject({ id: 7, rcode: 'FORMERR' });
    expect((await resolve(encode({ type: 'query', questions: [] })))?.response).toHaveLength(12);
  });

  it('have no name when a label is not of a host', () => {
    const label = Buffer.concat([Buffer.alloc(12), Buffer.from('\x07bad.com\0\0\x01\0\x01', 'latin1')]);
    label.writeUInt16BE(1, 4);
    expect(readQuestion(label)).toMatchObject({ name: null });
    const pointer = Buffer.concat([Buffer.alloc(12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
    pointer.writeUInt16BE(1, 4);
    expect(readQuestion(pointer)).toBeNull();
  });

  it('are read by the length of their records, as the guest reads them', () => {
    const header = Buffer.alloc(12);
    header.writeUInt16BE(0x8180, 2);
    const record = (type: number, data: number[]) =>
      Buffer.from([1, 0x61, 0, 0, type, 0, 1, 0, 0, 0, 9, 0, data.length, ...data]);
    const responseOf = (...records: Buffer[]) => {
      header.writeUInt16BE(records.length, 6);
      return Buffer.concat([header, ...records]);
    };
    // Text that holds what looks like the next record to a reader that goes astray.
    const text = record(16, [...record(1, [8, 8, 8, 8])]);
    const answer = readAnswer(responseOf(text, record(1, [10, 0, 0, 1])));
    expect(answer && addressesOf(answer)).toEqual(['10.0.0.1']);
    for (const length of [0, 3, 5, 16])
      expect(readAnswer(responseOf(record(1, Array(length).fill(1))))).toBeNull();
    for (const length of [0, 4, 15, 17])
      expect(readAnswer(responseOf(record(28, Array(length).fill(1))))).toBeNull();
    const alias = readAnswer(responseOf(record(5, [1, 0x62, 0]), record(5, [1, 0x62, 0, 7])));
    expect(alias?.records).toEqual([{ kind: 'alias', owner: 'a', target: 'b', ttl: 9 }]);
    // A name that points at itself, and one that points forward.
    expect(readAnswer(responseOf(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0])))).toBeNull();
    expect(readAnswer(responseOf(Buffer.from([0xc0, 20, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0])))).toBeNull();
  });

  it('of any bytes are read without a failure', () => {
    const random = new SeededRandom(42);
    const valid = queryOf('www.example.com');
    for (let round = 0; round < 20_000; round += 1) {
      const message = Buffer.from(valid.subarray(0, random.below(valid.length + 1)));
      for (let flips = random.below(4); flips > 0 && message.length > 0; flips -= 1) {
        message[random.below(message.length)] = random.below(256);
      }
      readQuestion(message);
      readAnswer(message);
    }
  });

  it('from elsewhere or about something else are not heard', async () => {
    const server = await nameServer(({ name }) => ({
      questions: [{ type: 'A', name: `not-${name}` }],
      answers: [a(name, '6.6.6.6')],
    }));
    const target = forwarder({ ports: [server.port], timeoutMs: 100 });
    expect((await ask(target, queryOf('a.com'))).packet.rcode).toBe('SERVFAIL');
  });
});

describe('name servers of the host', () => {
  it('are read from resolv.conf', () => {
    expect(
      parseResolvConf(
        '# no\nnameserver 1.1.1.1\n nameserver  2606:4700::1111 # x\nnameserver fe80::1%eth0\nnameserver x\n',
      ),
    ).toEqual([
      { host: '1.1.1.1', port: 53 },
      { host: '2606:4700::1111', port: 53 },
      { host: 'fe80::1%eth0', port: 53 },
    ]);
  });

  it('are looked up again when they no longer answer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msb-dns-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const resolvConf = join(folder, 'resolv.conf');
    const warnings: string[] = [];
    const upstreams = new DnsUpstreams({
      nameservers: [],
      timeoutMs: 50,
      resolvConf,
      onWarning: (message) => warnings.push(message),
    });
    cleanups.push(() => upstreams[Symbol.dispose]());
    await expect(upstreams.exchange(queryOf('a.com'), 'udp')).rejects.toThrow('there is no name server');
    expect(warnings[0]).toContain('names will not resolve');
    await writeFile(resolvConf, 'nameserver 127.0.0.1\n');
    // Nobody listens on port 53 here, or somebody else does; what counts is that it is asked.
    const outcome = await upstreams.exchange(queryOf('a.com'), 'udp').catch((error: Error) => error.message);
    expect(outcome).not.toBe('there is no name server');
  });
});
