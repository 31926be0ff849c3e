import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { InvalidConfigError, NixError } from '@microsandbox/types';
import { afterEach, describe, expect, it } from 'vitest';
import { ACK, FIN, FrameGuest, RST, type Segment, SYN } from '../test-support/frame-guest.ts';
import { addon } from './load-addon.ts';
import type {
  NetworkStackEvent,
  NetworkStackOptions,
  PolicyContext,
  PolicyQuestion,
  StreamOpened,
} from './network.ts';

const ALLOW_ALL = '{"default_egress":"allow","default_ingress":"allow"}';
const DENY_ALL = '{}';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A stack with a guest on the other end of its frame stream. */
function start(policyJson: string, options: Partial<NetworkStackOptions> = {}) {
  const [frameFd, guestFd] = addon().socketPair();
  const addresses = addon().networkAddresses({ slot: 1, families: { ipv4: true, ipv6: false } });
  const events: NetworkStackEvent[] = [];
  const stack = addon().startNetwork({ frameFd, addresses, policyJson, ...options }, (batch) =>
    events.push(...batch),
  );
  const guest = new FrameGuest(guestFd, addresses);
  cleanups.push(
    () => guest.close(),
    () => stack.stop(),
  );
  guest.askForGateway();
  return { stack, guest, events, gateway: addresses.ipv4?.gateway ?? '' };
}

async function serve(onPeer: (peer: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (peer) => {
    // A stack that stops resets its peers.
    peer.on('error', () => undefined);
    onPeer(peer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** One TCP connection of the guest, driven segment by segment. */
class Connection {
  next = 1001;
  expected = 0;
  constructor(
    readonly guest: FrameGuest,
    readonly to: string,
    readonly port: number,
  ) {}

  send(flags: number, data = ''): void {
    const bytes = Buffer.from(data);
    this.guest.sendTcp(this.to, {
      sourcePort: 40000,
      destinationPort: this.port,
      sequence: flags & SYN ? this.next - 1 : this.next,
      acknowledgement: this.expected,
      flags,
      data: bytes,
    });
    this.next += bytes.length;
  }

  async open(): Promise<Segment> {
    this.send(SYN);
    const answer = await this.guest.receiveTcp();
    this.expected = answer.sequence + 1;
    if (answer.flags === (SYN | ACK)) this.send(ACK);
    return answer;
  }

  /** Text that comes before the peer's FIN. */
  async receiveAll(): Promise<string> {
    let text = '';
    for (;;) {
      const segment = await this.guest.receiveTcp();
      text += segment.data.toString();
      this.expected += segment.data.length;
      if (segment.data.length > 0) this.send(ACK);
      if (segment.flags & FIN) return text;
    }
  }
}

/** The owner's side of a stream. */
function ownerOf(opened: StreamOpened | undefined): Socket {
  const owner = new Socket({ fd: opened?.fd ?? -1, allowHalfOpen: true });
  owner.on('error', () => undefined);
  cleanups.push(() => owner.destroy());
  return owner;
}

async function event<T extends NetworkStackEvent['type']>(events: NetworkStackEvent[], type: T) {
  await expect.poll(() => events.some((e) => e.type === type), { timeout: 5000, interval: 5 }).toBe(true);
  return events.find((e): e is Extract<NetworkStackEvent, { type: T }> => e.type === type);
}

describe('startNetwork', () => {
  it('connects a guest made of raw frames to a real server', async () => {
    const port = await serve((peer) => peer.on('data', (data) => peer.end(`you said ${data}`)));
    const { stack, guest, events, gateway } = start(ALLOW_ALL);
    const connection = new Connection(guest, gateway, port);
    const answer = await connection.open();
    expect(answer.flags).toBe(SYN | ACK);
    expect(answer.acknowledgement).toBe(1001);
    connection.send(ACK, 'hello');
    expect(await connection.receiveAll()).toBe('you said hello');
    expect(await event(events, 'verdict')).toMatchObject({
      action: 'allow',
      direction: 'egress',
      protocol: 'tcp',
      address: gateway,
      port,
      hostname: null,
      reason: { decidedBy: 'default', rule: null },
      allowRule: null,
      count: 1,
      first: true,
    });
    expect(stack.counters()).toMatchObject({ tcpOpened: 1, tcpRefused: 0, tcpLive: 1 });
  });

  it('resets what the policy denies and says which rule would allow it', async () => {
    const { guest, events, gateway } = start(DENY_ALL);
    const answer = await new Connection(guest, gateway, 8080).open();
    expect(answer.flags & RST).toBe(RST);
    expect(await event(events, 'verdict')).toMatchObject({
      action: 'deny',
      allowRule: 'allow@host:tcp:8080',
    });
  });

  it('hands up streams over a descriptor, with half-close and a final status', async () => {
    const { guest, events, gateway } = start(ALLOW_ALL, { handUpPlain: true });
    const connection = new Connection(guest, gateway, 80);
    await connection.open();
    connection.send(ACK, 'ping');
    const opened = await event(events, 'stream');
    expect(opened).toMatchObject({
      kind: 'plain',
      source: { port: 40000 },
      destination: { address: gateway, port: 80 },
      serverName: null,
    });
    const owner = ownerOf(opened);
    expect(String((await once(owner, 'data'))[0])).toBe('ping');
    owner.end('pong');
    expect(await connection.receiveAll()).toBe('pong');
    connection.expected += 1;
    connection.send(ACK | FIN);
    const stream = opened?.stream;
    expect(await event(events, 'closed')).toMatchObject({ stream, reason: 'finished' });
  });

  it('resets the guest when its owner asks for it', async () => {
    const { stack, guest, events, gateway } = start(ALLOW_ALL, { handUpPlain: true });
    await new Connection(guest, gateway, 80).open();
    const opened = await event(events, 'stream');
    const owner = ownerOf(opened);
    stack.reset(opened?.stream ?? 0);
    owner.destroy();
    expect((await guest.receiveTcp()).flags & RST).toBe(RST);
    expect(await event(events, 'closed')).toMatchObject({ reason: 'reset' });
  });

  it('takes a stream back and splices what came on it, read or not', async () => {
    const port = await serve((peer) => {
      let got = '';
      peer.on('data', (data) => {
        got += data;
        if (got.length === 11) peer.end(`got ${got}`);
      });
    });
    const { stack, guest, events, gateway } = start(ALLOW_ALL, { handUpPlain: true });
    const connection = new Connection(guest, gateway, port);
    await connection.open();
    connection.send(ACK, 'first');
    const opened = await event(events, 'stream');
    const owner = ownerOf(opened);
    expect(String((await once(owner, 'data'))[0])).toBe('first');
    owner.pause();
    connection.send(ACK, 'second');
    stack.splice(opened?.stream ?? 0);
    owner.destroy();
    expect(await connection.receiveAll()).toBe('got firstsecond');
  });

  it('changes its policy while it runs', async () => {
    const { stack, guest, gateway } = start(DENY_ALL);
    const connection = new Connection(guest, gateway, await serve((peer) => peer.end('in')));
    expect((await connection.open()).flags & RST).toBe(RST);
    stack.setPolicy(ALLOW_ALL);
    expect((await connection.open()).flags).toBe(SYN | ACK);
    expect(() => stack.setPolicy('{"rules":1}')).toThrow(InvalidConfigError);
  });

  it('knows inserted names until they run out', () => {
    const { stack } = start('{"rules":[]}');
    stack.insertHostnames([{ name: 'A.example.', family: 4, addresses: ['192.0.2.1'], ttl: 60 }]);
    expect(stack.hostnamesOf('::ffff:192.0.2.1')).toEqual(['a.example']);
    const question: PolicyQuestion = { kind: 'egress', protocol: 'tcp', address: '192.0.2.1', port: 443 };
    expect(stack.evaluate(question)).toEqual({
      action: 'deny',
      reason: { decidedBy: 'default', rule: null },
      allowRule: 'allow@a.example:tcp:443',
    });
    stack.insertHostnames([{ name: 'a.example', family: 4, addresses: [], ttl: 0 }]);
    expect(stack.hostnamesOf('192.0.2.1')).toEqual([]);
  });

  it('publishes ports, and leaves no listener behind', async () => {
    const { stack, guest } = start(ALLOW_ALL);
    const port = stack.publish({ protocol: 'tcp', hostBind: '127.0.0.1', hostPort: 0, guestPort: 80 });
    expect(() =>
      stack.publish({ protocol: 'tcp', hostBind: '127.0.0.1', hostPort: port, guestPort: 80 }),
    ).toThrow(NixError);
    const peer = connect(port, '127.0.0.1');
    peer.on('error', () => undefined);
    cleanups.push(() => peer.destroy());
    const syn = await guest.receiveTcp();
    expect(syn).toMatchObject({ destinationPort: 80, flags: SYN });
    await stack.stop();
    const late = connect(port, '127.0.0.1');
    const [error] = await once(late, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('tells when the monitor closes the stream', async () => {
    const { guest, events } = start(ALLOW_ALL);
    guest.close();
    expect(await event(events, 'stopped')).toEqual({ type: 'stopped', error: null });
  });

  it('refuses what it cannot run', () => {
    const [frameFd] = addon().socketPair();
    const addresses = addon().networkAddresses({ slot: 0 });
    const attempt = (options: Partial<NetworkStackOptions>) => () =>
      addon().startNetwork({ frameFd, addresses, policyJson: '{}', ...options }, () => undefined);
    expect(attempt({ limits: { maxConnections: 5000 } })).toThrow(
      'max_connections 5000 exceeds hard limit 4096',
    );
    expect(() => addon().networkAddresses({ slot: 65536 })).toThrow(
      'sandbox slot 65536 exceeds address pool capacity (max 65535)',
    );
  });
});

describe('evaluatePolicy', () => {
  it('answers the shared vectors', async () => {
    const path = new URL('../../network/vectors/policy.json', import.meta.url);
    const file: {
      policies: Record<string, unknown>;
      vectors: {
        name: string;
        policy: string;
        context: PolicyContext;
        question: PolicyQuestion;
        action: string;
        decidedBy: string;
        rule: number | null;
      }[];
    } = JSON.parse(await readFile(path, 'utf8'));
    for (const { name, policy, context, question, action, decidedBy, rule } of file.vectors) {
      const verdict = addon().evaluatePolicy(JSON.stringify(file.policies[policy]), question, context);
      expect({ name, ...verdict }).toMatchObject({ name, action, reason: { decidedBy, rule } });
    }
  });
});
