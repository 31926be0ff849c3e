import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AgentClient,
  attachExec,
  EXTENSIONS,
  keepExec,
  listExecSessions,
  type Message,
  startKeptExec,
} from '@microsandbox/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeGuest, type Received } from '../../../test-support/fake-guest.ts';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { ExecLog } from '../journal/exec-log.ts';
import { RotatingFile } from '../journal/rotating-file.ts';
import { RuntimeLog } from '../journal/runtime-log.ts';
import { AgentRelay } from './agent-relay.ts';
import { BootHandshake } from './boot-handshake.ts';
import { GuestLink } from './guest-link.ts';

/** A relay over a guest whose programs start at once and do nothing by themselves. */
async function setUp() {
  const folder = tempDir();
  const path = join(folder, 'agent.sock');
  const execLog = new ExecLog(join(folder, 'exec.log'));
  const log = new RuntimeLog(new RotatingFile(join(folder, 'runtime.log')));
  const guest = new FakeGuest({
    extensions: [EXTENSIONS.execSessions, EXTENSIONS.clientFlow],
    onMessage: (message: Received) => {
      if (message.type === 'core.exec.request') {
        guest.send(message.id, 'core.exec.started', { pid: 7 });
        if (message.payload.cmd === 'echo') print(message.id, 'first words');
      }
      const isKill = message.type === 'core.exec.signal' && message.payload.signal === 9;
      if (isKill) guest.send(message.id, 'core.exec.exited', { code: -1, signal: 9 });
    },
  });
  const relay = new AgentRelay({
    execLog,
    log,
    spoolDir: folder,
    onHeartbeat: () => {},
    onShutdownRequested: () => {},
  });
  await relay.listen(path);
  const handshake = new BootHandshake({ onResolved: () => {} });
  const link = new GuestLink(guest.hostPort, handshake);
  link.sendMessage(0, 'core.bootstrap', { security_profile: 'default' });
  relay.serve(link, await handshake.run(link));
  const clients: AgentClient[] = [];
  const connect = async () => {
    const client = await AgentClient.connect(path);
    clients.push(client);
    return client;
  };
  onTestFinished(async () => {
    for (const client of clients) await client.close();
    await relay.close();
    await Promise.all([execLog.close(), log.close()]);
  });
  const print = (id: number, text: string) => guest.send(id, 'core.exec.stdout', { data: Buffer.from(text) });
  /** A program that its client left behind; returns its id in the guest and its session. */
  const detached = async (tty = false) => {
    const client = await connect();
    const stream = await client.stream('core.exec.request', { cmd: 'sh', args: ['-c', 'x'], tty });
    const session = await keepExec(client, stream.id);
    await client.close();
    await expect.poll(() => guest.received.at(-1)?.type).toBe('core.relay.client.disconnected');
    return { id: stream.id, session };
  };
  return { guest, connect, print, detached };
}

const textOf = (message: Message | undefined): string =>
  message?.type === 'core.exec.stdout' || message?.type === 'core.exec.stderr'
    ? message.payload.data.toString()
    : `(${message?.type})`;

describe('kept commands', () => {
  it('lose not even the first words of one that is to be kept from its start', async () => {
    const { connect } = await setUp();
    const first = await connect();
    const stream = await startKeptExec(first, { cmd: 'echo' });
    const session = await keepExec(first, stream.id);
    await first.close();
    const second = await attachExec(await connect(), session);
    expect((await second.next()).value).toMatchObject({ type: 'core.exec.started' });
    expect(textOf((await second.next()).value)).toBe('first words');
  });

  it('are not killed when their client goes away, and go on with another one', async () => {
    const { guest, connect, print, detached } = await setUp();
    const { id, session } = await detached();
    expect(guest.received.some(({ type }) => type === 'core.exec.signal')).toBe(false);
    print(id, 'unseen ');
    const client = await connect();
    const stream = await attachExec(client, session);
    expect(stream.id).not.toBe(id);
    expect((await stream.next()).value).toMatchObject({ type: 'core.exec.started', payload: { pid: 7 } });
    expect(textOf((await stream.next()).value)).toBe('unseen ');
    print(id, 'seen');
    expect(textOf((await stream.next()).value)).toBe('seen');
    await stream.send('core.exec.stdin', { data: Buffer.from('typed') });
    await stream.send('core.exec.signal', { signal: 15 });
    await expect.poll(() => guest.received.at(-1)).toMatchObject({ id, type: 'core.exec.signal' });
    guest.send(id, 'core.exec.exited', { code: 3 });
    expect((await stream.next()).value).toMatchObject({ type: 'core.exec.exited', payload: { code: 3 } });
    expect((await stream.next()).done).toBe(true);
  });

  it('are listed with those that are not kept, and after their end', async () => {
    const { guest, connect, detached } = await setUp();
    const { id, session } = await detached(true);
    const client = await connect();
    await client.stream('core.exec.request', { cmd: 'top' });
    expect(await listExecSessions(client)).toMatchObject([
      { session, command: 'sh -c x', tty: true, pid: 7, kept: true, attached: false, exitCode: null },
      { command: 'top', tty: false, kept: false, attached: true },
    ]);
    guest.send(id, 'core.exec.exited', { code: -1, signal: 9 });
    await expect
      .poll(() => listExecSessions(client))
      .toMatchObject([{ session, exitCode: -1, signal: 9, attached: false }, { command: 'top' }]);
    const end = await (await attachExec(client, session)).next();
    expect(end.value).toMatchObject({ type: 'core.exec.started' });
  });

  it('keep the last of what nobody read, and say what is missing', async () => {
    const { connect, print, detached } = await setUp();
    const { id, session } = await detached();
    const piece = 'x'.repeat(64 * 1024);
    for (let count = 0; count < 20; count++) print(id, piece);
    print(id, 'last');
    const client = await connect();
    // The relay has read everything when it answers.
    await expect.poll(async () => (await listExecSessions(client)).length).toBe(1);
    const stream = await attachExec(client, session);
    await stream.next();
    expect(textOf((await stream.next()).value)).toMatch(
      /^\[microsandbox: about \d+ bytes of output left out; see the log\]\n$/,
    );
    let text = '';
    while (!text.endsWith('last')) text += textOf((await stream.next()).value);
    expect(text.length).toBeLessThanOrEqual(256 * 1024);
  });

  it('are refused to a second viewer and to those who ask for what there is not', async () => {
    const { connect, detached } = await setUp();
    const { session } = await detached();
    const [first, second] = [await connect(), await connect()];
    await (await attachExec(first, session)).next();
    const refusal = await (await attachExec(second, session)).next();
    expect(refusal.value).toMatchObject({
      type: 'core.error',
      payload: { kind: 'invalid_session', message: `session ${session} is attached elsewhere` },
    });
    expect((await (await attachExec(second, 99)).next()).value).toMatchObject({
      payload: { message: 'no session 99 can be attached' },
    });
    await expect(keepExec(second, 5)).rejects.toThrow('no command runs under id 5');
    await first.close();
    await expect
      .poll(async () => (await (await attachExec(second, session)).next()).value?.type)
      .toBe('core.exec.started');
  });

  it('hold the slot of their first client until they end', async () => {
    const { guest, connect, detached } = await setUp();
    const { id } = await detached();
    const taken = async () => {
      const ids: number[] = [];
      for (let count = 0; count < 128; count++) {
        const client = await connect();
        const stream = await client.stream('core.exec.request', { cmd: 'x' });
        ids.push(stream.id);
        await client.close();
      }
      return ids;
    };
    expect(await taken()).not.toContain(id);
    guest.send(id, 'core.exec.exited', { code: 0 });
    const client = await connect();
    await expect.poll(() => listExecSessions(client)).toMatchObject([{ exitCode: 0 }]);
    expect(await taken()).toContain(id);
  }, 60_000);
});

describe('the output of a client that does not read', () => {
  it('is held in the guest, that of others is not, and it goes on when the client reads', async () => {
    const { guest, connect } = await setUp();
    const [slow, other] = [await connect(), await connect()];
    const stream = await slow.stream('core.exec.request', { cmd: 'yes' });
    const piece = Buffer.alloc(32 * 1024, 'y');
    let sent = 0;
    while (guest.flows.length === 0 && sent < 64 * 1024 * 1024) {
      guest.send(stream.id, 'core.exec.stdout', { data: piece });
      sent += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(guest.flows).toEqual([{ idStart: 1, idEndExclusive: 33_554_431, held: true }]);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect((await other.request('core.ping', {})).type).toBe('core.pong');
    let received = 0;
    while (received < sent) {
      const { value } = await stream.next();
      if (value?.type === 'core.exec.stdout') received += value.payload.data.length;
    }
    expect(guest.flows.map(({ held }) => held)).toEqual([true, false]);
  }, 30_000);

  it('does not pile up in memory, whatever its rhythm', async () => {
    const { guest, connect } = await setUp();
    const stream = await (await connect()).stream('core.exec.request', { cmd: 'yes' });
    const piece = Buffer.alloc(16 * 1024, 'y');
    // A piece at a time wakes the writer again and again, while the client takes nothing.
    for (let count = 0; guest.flows.length === 0 && count < 2000; count++) {
      guest.send(stream.id, 'core.exec.stdout', { data: piece });
      await delay(1);
    }
    expect(guest.flows).toMatchObject([{ held: true }]);
  }, 30_000);
});
