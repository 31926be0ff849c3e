import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AGENT_RELAY_MAX_CLIENTS,
  encodeMessage,
  FLAG_SESSION_START,
  type Heartbeat,
} from '@microsandbox/protocol';
import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeGuest, type FakeGuestOptions, type Received } from '../../../test-support/fake-guest.ts';
import { RawClient } from '../../../test-support/raw-client.ts';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { ExecLog } from '../journal/exec-log.ts';
import { RotatingFile } from '../journal/rotating-file.ts';
import { RuntimeLog } from '../journal/runtime-log.ts';
import { AgentRelay } from './agent-relay.ts';
import { BootHandshake } from './boot-handshake.ts';
import { GuestLink } from './guest-link.ts';

async function setUp(options: FakeGuestOptions & { readonly clientLimitBytes?: number } = {}) {
  const folder = tempDir();
  const path = join(folder, 'agent.sock');
  const execLog = new ExecLog(join(folder, 'exec.log'));
  const log = new RuntimeLog(new RotatingFile(join(folder, 'runtime.log')));
  const guest = new FakeGuest(options);
  let shutdowns = 0;
  const heartbeats: Heartbeat[] = [];
  const relay = new AgentRelay({
    execLog,
    log,
    spoolDir: folder,
    ...(options.clientLimitBytes !== undefined && { clientLimitBytes: options.clientLimitBytes }),
    onHeartbeat: (heartbeat) => heartbeats.push(heartbeat),
    onShutdownRequested: () => {
      shutdowns += 1;
    },
  });
  await relay.listen(path);
  onTestFinished(async () => {
    await relay.close();
    await Promise.all([execLog.close(), log.close()]);
  });
  const boot = async () => {
    const handshake = new BootHandshake({ onResolved: () => {} });
    const link = new GuestLink(guest.hostPort, handshake);
    link.sendMessage(0, 'core.bootstrap', { security_profile: 'default' });
    relay.serve(link, await handshake.run(link));
  };
  return { path, relay, guest, execLog, boot, folder, heartbeats, shutdowns: () => shutdowns };
}

/** Echoes standard input, ends at its end. */
function cat(message: Received, guest: FakeGuest): void {
  if (message.type === 'core.exec.request') guest.send(message.id, 'core.exec.started', { pid: 7 });
  if (message.type !== 'core.exec.stdin') return;
  if (message.payload.data.length > 0)
    guest.send(message.id, 'core.exec.stdout', { data: message.payload.data });
  else guest.send(message.id, 'core.exec.exited', { code: 0 });
}

describe('AgentRelay', () => {
  it('gives each client its range and the ready frame as the guest sent it', async () => {
    const { path, boot } = await setUp();
    await boot();
    const [first, second] = [await RawClient.open(path), await RawClient.open(path)];
    expect([first.idStart, first.idEnd]).toEqual([1, 33_554_431]);
    expect([second.idStart, second.idEnd]).toEqual([33_554_432, 67_108_862]);
    expect(first.readyFrame?.bytes).toEqual(second.readyFrame?.bytes);
    second.send(second.idStart, 'core.ping', {});
    expect((await second.next(second.idStart)).type).toBe('core.pong');
  });

  it('answers clients that came before the guest was ready', async () => {
    const { path, boot } = await setUp();
    const early = new RawClient(path);
    await delay(30);
    expect(early.idEnd).toBe(0);
    await boot();
    await early.until(() => early.readyFrame !== null);
  });

  it('closes the 129th client without a byte', async () => {
    const { path, boot } = await setUp();
    await boot();
    const clients: RawClient[] = [];
    for (let i = 0; i < AGENT_RELAY_MAX_CLIENTS; i++) clients.push(await RawClient.open(path));
    expect(clients[127]?.idStart).toBe(4_261_412_738);
    const refused = new RawClient(path);
    await refused.closed();
    expect(refused.idEnd).toBe(0);
    clients[5]?.socket.destroy();
    await expect
      .poll(async () => {
        const again = new RawClient(path);
        await again.until(() => again.readyFrame !== null).catch(() => {});
        return again.idStart;
      })
      .toBe(clients[5]?.idStart);
    for (const client of clients) client.socket.destroy();
  });

  it('does not give a slot that was just freed to the next client', async () => {
    const { path, boot, guest } = await setUp();
    await boot();
    const first = await RawClient.open(path);
    first.socket.destroy();
    await expect.poll(() => guest.typesOf(0)).toContain('core.relay.client.disconnected');
    expect((await RawClient.open(path)).idStart).toBe(33_554_432);
  });

  it('cuts off a client that uses an id of another', async () => {
    const { path, boot, guest } = await setUp();
    await boot();
    const [bad, good] = [await RawClient.open(path), await RawClient.open(path)];
    bad.send(good.idStart, 'core.ping', {});
    await bad.closed();
    good.send(good.idStart, 'core.ping', {});
    expect((await good.next(good.idStart)).type).toBe('core.pong');
    expect(guest.typesOf(good.idStart)).toEqual(['core.ping']);
  });

  it('answers what it does not understand, so that the guest never sees it', async () => {
    const { path, boot, guest } = await setUp();
    await boot();
    const client = await RawClient.open(path);
    const id = client.idStart;
    const refusal = async (flags: number, body: Uint8Array) => {
      client.sendFrame(id, flags, body);
      const { type, payload } = await client.next(id);
      return type === 'core.error' ? payload.kind : type;
    };
    expect(await refusal(0, Buffer.from('garbage'))).toBe('malformed_message');
    const unknown = Buffer.from('a3617607617468636f72652e6e6f7061 7041a0'.replace(' ', ''), 'hex');
    expect(await refusal(0, unknown)).toBe('unsupported_message_type');
    expect(await refusal(FLAG_SESSION_START, encodeMessage('core.ping', {}))).toBe('invalid_flags');
    expect(await refusal(0, encodeMessage('core.clock.sync', { unixTimeNanos: 1n }))).toBe(
      'unsupported_message_type',
    );
    const noPayload = encodeMessage('core.ping', {});
    noPayload[noPayload.length - 1] = 0xff;
    expect(await refusal(0, noPayload)).toBe('invalid_payload');
    expect(guest.typesOf(id)).toEqual([]);
    client.send(id, 'core.ping', {});
    expect((await client.next(id)).type).toBe('core.pong');
  });

  it('drops a client whose frame is too large, and no other', async () => {
    const { path, boot } = await setUp();
    await boot();
    const [bad, good] = [await RawClient.open(path), await RawClient.open(path)];
    bad.socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    await bad.closed();
    good.send(good.idStart, 'core.ping', {});
    await good.next(good.idStart);
  });

  it('ends the commands of a client that goes away, then tells the guest its range', async () => {
    const { path, boot, guest } = await setUp({ onMessage: cat });
    await boot();
    const client = await RawClient.open(path);
    const { idStart } = client;
    client.send(idStart, 'core.exec.request', { cmd: 'cat' });
    await client.next(idStart);
    client.send(idStart + 1, 'core.exec.request', { cmd: 'cat' });
    client.send(idStart + 1, 'core.exec.stdin', { data: Buffer.alloc(0) });
    await client.until(() => client.frames.some(({ id, flags }) => id === idStart + 1 && flags === 1));
    client.socket.destroy();
    await expect.poll(() => guest.received.at(-1)?.type).toBe('core.relay.client.disconnected');
    expect(guest.received.slice(-2)).toMatchObject([
      { id: idStart, type: 'core.exec.signal', payload: { signal: 9 } },
      { id: 0, payload: { idStart: 1, idEndExclusive: 33_554_431 } },
    ]);
  });

  it('reports a shutdown request and forwards it', async () => {
    const { path, boot, guest, shutdowns } = await setUp();
    await boot();
    const client = await RawClient.open(path);
    client.send(0, 'core.shutdown', null);
    await expect.poll(shutdowns).toBe(1);
    await expect.poll(() => guest.received.at(-1)?.type).toBe('core.shutdown');
  });

  it('logs what commands print, with their number and kind', async () => {
    const { path, boot, execLog, folder } = await setUp({
      onMessage: (message, guest) => {
        if (message.type !== 'core.exec.request') return;
        guest.send(message.id, 'core.exec.stdout', { data: Buffer.from('hello\n') });
        guest.send(message.id, 'core.exec.stderr', { data: Buffer.from([0x61, 0xff, 0x62]) });
        guest.send(message.id, 'core.exec.exited', { code: 0 });
        guest.send(message.id, 'core.exec.stdout', { data: Buffer.from('after the end') });
      },
    });
    await boot();
    const client = await RawClient.open(path);
    client.send(1, 'core.exec.request', { cmd: 'a' });
    client.send(2, 'core.exec.request', { cmd: 'b', tty: true });
    await client.until(() => client.frames.length === 8);
    await execLog.flush();
    const lines = (await readFile(join(folder, 'exec.log'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { s: 'stdout', d: 'hello\n', id: 1 },
      { s: 'stderr', d: 'a\ufffdb', id: 1 },
      { s: 'output', d: 'hello\n', id: 2 },
      { s: 'stderr', d: 'a\ufffdb', id: 2 },
    ]);
    expect(lines[0]).toMatch(
      /^\{"t":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","s":"stdout","d":"hello\\n","id":1\}$/,
    );
  });

  it('steps over garbage of the guest', async () => {
    const { path, boot, guest } = await setUp();
    await boot();
    const client = await RawClient.open(path);
    guest.sendRaw(Buffer.from([0, 0, 0, 3, 1, 2, 3]));
    guest.send(client.idStart, 'core.exec.started', { pid: 3 });
    expect((await client.next(client.idStart)).type).toBe('core.exec.started');
  });

  it('keeps serving others while one client reads nothing, and loses nothing of it', async () => {
    const { path, boot, guest } = await setUp();
    await boot();
    const [stalled, other] = [await RawClient.open(path), await RawClient.open(path)];
    stalled.socket.pause();
    const piece = Buffer.alloc(64 * 1024, 'x');
    const count = 320;
    for (let i = 0; i < count; i++) {
      piece.writeUInt32BE(i, 0);
      guest.send(stalled.idStart, 'core.fs.data', { data: piece });
      if (i % 40 === 0) {
        const started = performance.now();
        other.send(other.idStart, 'core.ping', {});
        await other.next(other.idStart);
        expect(performance.now() - started).toBeLessThan(10_000);
      }
    }
    expect(stalled.frames).toHaveLength(0);
    stalled.socket.resume();
    for (let i = 0; i < count; i++) {
      const message = await stalled.next(stalled.idStart);
      if (message.type !== 'core.fs.data') throw new Error(message.type);
      expect(message.payload.data.readUInt32BE(0)).toBe(i);
    }
    guest.send(stalled.idStart, 'core.exec.started', { pid: 1 });
    expect((await stalled.next(stalled.idStart)).type).toBe('core.exec.started');
  });

  it('cuts off a client that leaves more unread than it may', async () => {
    const { path, boot, guest } = await setUp({ clientLimitBytes: 2 * 1024 * 1024 });
    await boot();
    const [stalled, other] = [await RawClient.open(path), await RawClient.open(path)];
    stalled.socket.pause();
    for (let i = 0; i < 100; i++) {
      guest.send(stalled.idStart, 'core.fs.data', { data: Buffer.alloc(64 * 1024) });
    }
    other.send(other.idStart, 'core.ping', {});
    await other.next(other.idStart);
    stalled.socket.resume();
    await stalled.closed();
  });

  it('survives clients that send noise', async () => {
    const { path, boot } = await setUp({ onMessage: cat });
    await boot();
    const random = new SeededRandom(7);
    for (let round = 0; round < 60; round++) {
      const noisy = await RawClient.open(path);
      for (let i = 0; i < 10; i++) {
        const body =
          round % 2 === 0
            ? encodeMessage('core.exec.request', { cmd: 'cat' })
            : Buffer.alloc(random.below(300));
        for (let k = 0; k < 3; k++) if (body.length > 0) body[random.below(body.length)] = random.below(256);
        noisy.sendFrame(noisy.idStart + random.below(3), random.below(8), body);
      }
      noisy.socket.end();
      await noisy.closed();
    }
    const good = await RawClient.open(path);
    good.send(good.idStart, 'core.ping', {});
    expect((await good.next(good.idStart)).type).toBe('core.pong');
  });

  it('takes heartbeats for itself and logs what is none', async () => {
    const { path, guest, boot, heartbeats, folder } = await setUp();
    await boot();
    const client = await RawClient.open(path);
    guest.sendHeartbeat({ heartbeatSeq: 3, activitySeq: 2n ** 63n, memoryTotal: 512 });
    guest.sendHeartbeat({ timestamp: 'x'.repeat(100_000) });
    guest.sendHeartbeat({ memoryTotal: 'much' });
    guest.send(0, 'core.error', { kind: 'malformed_message', message: 'm', offendingType: null });
    await expect.poll(() => heartbeats.length).toBe(1);
    expect(heartbeats[0]).toMatchObject({ heartbeatSeq: 3n, activitySeq: 2n ** 63n, memoryTotal: 512n });
    await expect
      .poll(
        async () => (await readFile(join(folder, 'runtime.log'), 'utf8')).match(/dropped a frame/g)?.length,
      )
      .toBe(2);
    expect(client.frames).toEqual([]);
    client.socket.destroy();
  });
});
