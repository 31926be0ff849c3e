import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AgentClientError,
  AgentLostError,
  ProtocolError,
  UnsupportedOperationError,
} from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { FakeRelay, type FakeRelayClient, prologueOf } from '../../test/fake-relay.ts';
import { FLAG_SHUTDOWN, FLAG_TERMINAL } from '../constants.ts';
import { decodeMessage, encodeEnvelope, encodeMessage, encodeMessageFrame } from '../envelope.ts';
import { encodeFrame } from '../frame.ts';
import type { DecodedFrame } from '../frame-decoder.ts';
import { AgentClient } from './agent-client.ts';
import { STREAM_LIMIT_BYTES } from './connection.ts';

/** Answers pings and runs `echo` like a guest would. */
function likeAGuest(frame: DecodedFrame, { socket }: FakeRelayClient): void {
  const message = decodeMessage(frame);
  if (message.type === 'core.ping') socket.write(encodeMessageFrame(frame.id, 'core.pong', {}));
  if (message.type === 'core.exec.request') {
    socket.write(encodeMessageFrame(frame.id, 'core.exec.started', { pid: 42 }));
    const data = Buffer.from(message.payload.args.join(' '));
    socket.write(encodeMessageFrame(frame.id, 'core.exec.stdout', { data }));
    socket.write(encodeMessageFrame(frame.id, 'core.exec.exited', { code: 0 }));
  }
}

/** The relay's first client, once `count` frames came from it. */
async function heard(relay: FakeRelay, count: number): Promise<FakeRelayClient> {
  for (;;) {
    const [client] = relay.clients;
    if (client !== undefined && client.frames.length >= count) return client;
    await delay(1);
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('it should have been rejected'),
    (error: Error) => error,
  );
}

describe('AgentClient handshake', () => {
  it('learns ids, generation and the ready message', async () => {
    await using relay = await FakeRelay.listen({ prologue: prologueOf(9, 1), onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    expect(client.negotiatedVersion).toBe(7);
    expect(client.ready).toMatchObject({
      bootTimeNs: 1n,
      initTimeNs: 2n,
      readyTimeNs: 3n,
      agentVersion: '0.6.14',
    });
    expect(decodeMessage({ flags: 0, body: client.readyBytes() })).toMatchObject({
      type: 'core.ready',
      version: 9,
    });
    await client.request('core.ping', {});
    expect(relay.clients[0]?.frames[0]?.id).toBe(33_554_432);
  });

  it('takes a prologue that comes byte by byte', async () => {
    const prologue = prologueOf(7);
    await using relay = await FakeRelay.listen({ prologue: prologue.subarray(0, 3), onFrame: likeAGuest });
    const connecting = AgentClient.connect(relay.path);
    while (relay.clients.length === 0) await delay(1);
    for (const byte of prologue.subarray(3)) relay.clients[0]?.socket.write(Buffer.from([byte]));
    await using client = await connecting;
    expect((await client.request('core.ping', {})).type).toBe('core.pong');
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'handshake: read id range: timed out before relay sent bytes'],
    [
      'half a prologue',
      prologueOf(7).subarray(0, 30),
      'handshake: read ready frame: timed out before relay sent frame',
    ],
  ])('gives up when the relay sends %s', async (_name, prologue, text) => {
    await using relay = await FakeRelay.listen({ prologue });
    const error = await rejection(AgentClient.connect(relay.path, { timeoutMs: 50 }));
    expect(error).toBeInstanceOf(AgentClientError);
    expect(error.message).toBe(text);
  });

  it.each([
    ['an inverted range', '0000000900000001', 'invalid relay id range: start=9, end=1'],
    ['an empty range', '0000000000000001', 'no usable nonzero ids: start=0, end=1'],
    ['a legacy prologue', '0000000000000019', 'older than 0.5'],
    ['a frame that is too large', '0000000101ffffff00400001', 'frame too large: 4194305 bytes (max 4194304)'],
    ['a frame that is too short', '0000000101ffffff00000004', 'frame payload too short: 4 bytes (minimum 5)'],
    ['garbage for an envelope', '0000000101ffffff000000060000000000ff', 'cbor decode error'],
  ])('refuses %s', async (_name, prologue, text) => {
    await using relay = await FakeRelay.listen({ prologue: Buffer.from(prologue, 'hex') });
    const error = await rejection(AgentClient.connect(relay.path, { timeoutMs: 5_000 }));
    expect(error).toBeInstanceOf(AgentClientError);
    expect(error.message).toContain(text);
  });

  it('refuses another message where ready belongs', async () => {
    const frame = encodeMessageFrame(0, 'core.pong', {});
    await using relay = await FakeRelay.listen({
      prologue: Buffer.concat([prologueOf(7).subarray(0, 8), frame]),
    });
    const error = await rejection(AgentClient.connect(relay.path));
    expect(error.message).toBe('handshake: expected core.ready frame, got core.pong');
  });

  it('says when nobody listens, when the relay hangs up and when the caller gives up', async () => {
    await using relay = await FakeRelay.listen({ prologue: Buffer.alloc(0) });
    const missing = `${relay.path}.missing`;
    expect((await rejection(AgentClient.connect(missing))).message).toBe(
      `connect ${missing}: no such file or directory`,
    );
    const hungUp = rejection(AgentClient.connect(relay.path));
    while (relay.clients.length === 0) await delay(1);
    // In the middle of the prologue: one that says nothing at all is asked again.
    relay.clients[0]?.socket.end(Buffer.alloc(1));
    expect((await hungUp).message).toBe('handshake: unexpected end of stream');

    const gaveUp = AgentClient.connect(relay.path, { signal: AbortSignal.timeout(20) });
    expect((await rejection(gaveUp)).name).toBe('TimeoutError');
  });
});

describe('a relay without room', () => {
  /** Hangs up on as many clients as it is told. */
  async function fullRelay(times: number): Promise<AsyncDisposable & { readonly path: string }> {
    const relay = await FakeRelay.listen();
    const folder = await mkdtemp(join(tmpdir(), 'msb-full-'));
    const path = join(folder, 'agent.sock');
    let refused = 0;
    const server = createServer((socket) => {
      refused += 1;
      if (refused <= times) return socket.destroy();
      const inner = createConnection({ path: relay.path });
      for (const end of [socket, inner]) end.on('error', () => {});
      socket.pipe(inner).pipe(socket);
      return undefined;
    });
    server.listen(path);
    await once(server, 'listening');
    return {
      path,
      async [Symbol.asyncDispose]() {
        server.close();
        await relay[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      },
    };
  }

  it('is asked again until it has some', async () => {
    await using relay = await fullRelay(5);
    await using client = await AgentClient.connect(relay.path);
    expect(client.negotiatedVersion).toBe(7);
  });

  it('is given up when the time is over, or the caller wants', async () => {
    await using relay = await fullRelay(Number.POSITIVE_INFINITY);
    expect(await rejection(AgentClient.connect(relay.path, { timeoutMs: 100 }))).toMatchObject({
      message: 'handshake: the relay hung up without a word',
      hint: expect.stringContaining('128 connections'),
    });
    const gaveUp = AgentClient.connect(relay.path, { signal: AbortSignal.timeout(20) });
    expect((await rejection(gaveUp)).name).toBe('TimeoutError');
  });
});

describe('AgentClient operations', () => {
  it('answers requests at once, each under its own id', async () => {
    await using relay = await FakeRelay.listen({ onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.request('core.ping', {})));
    expect(answers.every((answer) => answer.type === 'core.pong')).toBe(true);
    expect(new Set(relay.clients[0]?.frames.map((frame) => frame.id)).size).toBe(50);
  });

  it('streams a whole exec and ends behind the terminal message', async () => {
    await using relay = await FakeRelay.listen({ onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    const messages = [];
    for await (const message of await client.stream('core.exec.request', { cmd: 'echo', args: ['a', 'b'] })) {
      messages.push([message.type, message.flags]);
      if (message.type === 'core.exec.stdout') expect(message.payload.data.toString()).toBe('a b');
    }
    expect(messages).toEqual([
      ['core.exec.started', 0],
      ['core.exec.stdout', 0],
      ['core.exec.exited', FLAG_TERMINAL],
    ]);
  });

  it('skips messages of a later generation and reports broken ones', async () => {
    await using relay = await FakeRelay.listen({
      onFrame: ({ id }, { socket }) => {
        const later = encodeEnvelope({ version: 9, type: 'core.later', payload: Buffer.from([0xa0]) });
        const broken = encodeEnvelope({ version: 7, type: 'core.exec.exited', payload: Buffer.from([0xa0]) });
        socket.write(encodeFrame({ id, flags: 0, body: later }));
        socket.write(encodeFrame({ id, flags: FLAG_TERMINAL, body: broken }));
      },
    });
    await using client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'true' });
    expect(await rejection(stream.next())).toBeInstanceOf(ProtocolError);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('sends follow-ups on the id of the stream, and shutdown on 0', async () => {
    await using relay = await FakeRelay.listen();
    await using client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'cat' });
    await stream.send('core.exec.stdin', { data: Buffer.from('x') });
    await client.shutdown();
    await heard(relay, 3);
    const [request, stdin, shutdown] = relay.clients[0]?.frames ?? [];
    expect(stdin?.id).toBe(request?.id);
    expect(stdin?.id).toBe(stream.id);
    expect(shutdown).toMatchObject({ id: 0, flags: FLAG_SHUTDOWN });
  });

  it('refuses what the guest is too old for, and only that', async () => {
    await using relay = await FakeRelay.listen({ prologue: prologueOf(5), onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    expect(client.supports('core.ping')).toBe(false);
    expect(await rejection(client.request('core.ping', {}))).toBeInstanceOf(UnsupportedOperationError);
    const stream = await client.stream('core.exec.request', { cmd: 'true' });
    expect((await stream.next()).value?.type).toBe('core.exec.started');
  });

  it('refuses a frame over the limit and lives on', async () => {
    await using relay = await FakeRelay.listen({ onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    const data = Buffer.alloc(4 * 1024 * 1024);
    expect((await rejection(client.send(1, 'core.exec.stdin', { data }))).message).toContain(
      'frame too large',
    );
    expect((await client.request('core.ping', {})).type).toBe('core.pong');
  });

  it('forgets an aborted request and drops its late answer', async () => {
    await using relay = await FakeRelay.listen();
    await using client = await AgentClient.connect(relay.path);
    const abort = new AbortController();
    const request = client.request('core.ping', {}, { signal: abort.signal });
    await heard(relay, 1);
    abort.abort(new Error('enough'));
    expect((await rejection(request)).message).toBe('enough');
    relay.clients[0]?.socket.write(encodeMessageFrame(1, 'core.pong', {}));
    const second = client.request('core.ping', {});
    await heard(relay, 2);
    relay.clients[0]?.socket.write(encodeMessageFrame(2, 'core.pong', {}));
    expect((await second).type).toBe('core.pong');
  });

  it('has a raw tier that passes envelopes through', async () => {
    await using relay = await FakeRelay.listen({ onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    const answer = await client.requestRaw(0, encodeMessage('core.ping', {}));
    expect(decodeMessage(answer).type).toBe('core.pong');
    const types = [];
    const body = encodeMessage('core.exec.request', { cmd: 'echo' });
    for await (const frame of await client.streamRaw(2, body)) types.push(decodeMessage(frame).type);
    expect(types.at(-1)).toBe('core.exec.exited');
  });
});

describe('AgentClient at the end of the connection', () => {
  it('rejects everything pending when the relay goes away, after what had arrived', async () => {
    await using relay = await FakeRelay.listen({
      onFrame: (frame, { socket }) => {
        if (decodeMessage(frame).type !== 'core.exec.request') return;
        socket.write(encodeMessageFrame(frame.id, 'core.exec.started', { pid: 1 }));
      },
    });
    await using client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'sleep' });
    const request = client.request('core.ping', {});
    await heard(relay, 2);
    relay.clients[0]?.socket.end();
    const error = await rejection(request);
    expect(error).toBeInstanceOf(AgentLostError);
    expect(error.message).toBe('reader closed before response for id=2');
    expect((await stream.next()).value?.type).toBe('core.exec.started');
    expect(await rejection(stream.next())).toBeInstanceOf(AgentLostError);
    expect(await rejection(client.request('core.ping', {}))).toBeInstanceOf(AgentLostError);
  });

  it('rejects everything with `client closed` after close, which may come twice', async () => {
    await using relay = await FakeRelay.listen();
    const client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'sleep' });
    const pending = [rejection(stream.next()), rejection(client.request('core.ping', {}))];
    await client.close();
    await client.close();
    for (const error of await Promise.all(pending)) expect(error.message).toBe('client closed');
    expect((await rejection(client.requestRaw(0, Buffer.alloc(1)))).message).toBe('client closed');
  });

  it('ends a closed stream and hears nothing more of it', async () => {
    await using relay = await FakeRelay.listen({ onFrame: likeAGuest });
    await using client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'echo' });
    for await (const message of stream) {
      expect(message.type).toBe('core.exec.started');
      break;
    }
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect((await client.request('core.ping', {})).type).toBe('core.pong');
  });

  it('treats a broken frame as the end', async () => {
    await using relay = await FakeRelay.listen({
      onFrame: (_frame, { socket }) => socket.write(Buffer.from('00000004000000', 'hex')),
    });
    await using client = await AgentClient.connect(relay.path);
    const pending = rejection(client.request('core.ping', {}));
    await heard(relay, 1);
    relay.clients[0]?.socket.write(Buffer.from('00', 'hex'));
    expect((await pending).message).toBe('protocol: frame payload too short: 4 bytes (minimum 5)');
  });
});

describe('back-pressure', () => {
  const piece = Buffer.alloc(60_000, 'x');

  /** Sends output on the first id it saw until `total` bytes went out. */
  async function flood(client: FakeRelayClient, total: number): Promise<{ readonly sent: number }> {
    const id = client.frames[0]?.id ?? 0;
    let sent = 0;
    while (sent < total && !client.socket.destroyed) {
      const frame = encodeMessageFrame(id, 'core.exec.stdout', { data: piece });
      if (!client.socket.write(frame)) {
        const drained = await Promise.race([
          once(client.socket, 'drain').then(() => true),
          delay(300, false),
        ]);
        if (!drained) break;
      }
      sent += frame.length;
    }
    return { sent };
  }

  it('a stream alone on its connection stops the sender and loses nothing', async () => {
    await using relay = await FakeRelay.listen();
    await using client = await AgentClient.connect(relay.path);
    const stream = await client.stream('core.exec.request', { cmd: 'yes' });
    const peer = await heard(relay, 1);
    const { sent } = await flood(peer, 64 * 1024 * 1024);
    expect(sent).toBeLessThan(8 * 1024 * 1024);
    peer.socket.write(encodeMessageFrame(stream.id, 'core.exec.exited', { code: 0 }));
    let received = 0;
    for await (const message of stream)
      if (message.type === 'core.exec.stdout') received += message.payload.data.length;
    expect(received).toBeGreaterThanOrEqual(Math.floor(sent / 60_064) * 60_000);
  });

  it('a slow stream does not hold up its neighbours and fails alone at its bound', async () => {
    await using relay = await FakeRelay.listen({ onFrame: answerPings });
    await using client = await AgentClient.connect(relay.path);
    const slow = await client.stream('core.exec.request', { cmd: 'yes' });
    const waiting = await client.stream('core.exec.request', { cmd: 'sleep' });
    const peer = await heard(relay, 2);
    const flooding = flood(peer, 2 * STREAM_LIMIT_BYTES);
    for (let round = 0; round < 20; round += 1)
      expect((await client.request('core.ping', {})).type).toBe('core.pong');
    expect((await flooding).sent).toBeGreaterThan(STREAM_LIMIT_BYTES);
    const error = await rejection(slow.next());
    expect(error).toBeInstanceOf(AgentClientError);
    expect(error.message).toContain('was not read');
    peer.socket.write(encodeMessageFrame(waiting.id, 'core.exec.exited', { code: 3 }));
    expect((await waiting.next()).value).toMatchObject({ payload: { code: 3 } });
  });

  function answerPings(frame: DecodedFrame, client: FakeRelayClient): void {
    if (decodeMessage(frame).type === 'core.ping') likeAGuest(frame, client);
  }
});
