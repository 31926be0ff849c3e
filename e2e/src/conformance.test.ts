import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  encodeCbor,
  encodeFrame,
  FLAG_SESSION_START,
  type FsOp,
  MAX_FRAME_SIZE,
  type Message,
  PROTOCOL_VERSION,
} from '@microsandbox/protocol';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';
import { processesIn } from './support/processes-in.ts';
import { RawAgent } from './support/raw-agent.ts';

/**
 * The conformance checklist of the protocol (section 23), line by line, against the agent in a machine. Lines that no
 * client can see are tests of their own elsewhere: encoder and tables in packages/protocol and crates/protocol,
 * negotiation in `tables.test.ts`, the boot in `crates/agentd/src/boot/handshake/tests.rs`.
 */

const { Sandbox, AgentClient } = await importSdk();

/** Looking through all processes takes a while on an emulated machine. */
const SLOWLY = { timeout: 20_000, interval: 250 };

let made: BusyboxHome;
let box: SandboxType;
let path: string;
beforeAll(async () => {
  made = await startBusyboxHome();
  box = await Sandbox.builder('frames').image(made.reference).create();
  path = AgentClient.socketPath('frames');
});
afterAll(async () => {
  await box?.kill();
  await made[Symbol.asyncDispose]();
});

async function connect(): Promise<RawAgent> {
  const agent = await RawAgent.open(path);
  onTestFinished(() => agent[Symbol.asyncDispose]());
  return agent;
}

/** Everything about a command up to its end. */
async function finish(agent: RawAgent, id: number) {
  const outcome = { stdout: '', stderr: '', end: null as Message | null };
  while (outcome.end === null) {
    const message = await agent.message(id);
    if (message.type === 'core.exec.stdout') outcome.stdout += message.payload.data.toString();
    else if (message.type === 'core.exec.stderr') outcome.stderr += message.payload.data.toString();
    else if (message.type !== 'core.exec.started') outcome.end = message;
  }
  return outcome;
}

const shell = (script: string) => ({ cmd: '/bin/sh', args: ['-c', script] });
const running = (command: string) => processesIn(box, command);

describe('conformance checklist', () => {
  it('decoder accepts shuffled keys, extra keys, missing options, tag 64 bytes, `f7`', async () => {
    const agent = await connect();
    const text = (word: string) => Buffer.concat([Buffer.from([0x60 + word.length]), Buffer.from(word)]);
    // {cwd: undefined, new: 1, args: ["hi"], cmd: "echo"}
    const payload = Buffer.concat([
      Buffer.from([0xa4]),
      ...[text('cwd'), Buffer.from([0xf7]), text('new'), Buffer.from([1])],
      ...[text('args'), Buffer.from([0x81]), text('hi'), text('cmd'), text('echo')],
    ]);
    const body = Buffer.concat([
      Buffer.from([0xa4]),
      ...[text('p'), Buffer.from([0xd8, 64, 0x58, payload.length]), payload],
      ...[text('x'), Buffer.from([0xf6]), text('t'), Buffer.from([0x71]), Buffer.from('core.exec.request')],
      ...[text('v'), Buffer.from([PROTOCOL_VERSION])],
    ]);
    const id = agent.firstId;
    agent.socket.write(encodeFrame({ id, flags: FLAG_SESSION_START, body }));
    expect(await finish(agent, id)).toMatchObject({ stdout: 'hi\n', end: { payload: { code: 0 } } });
  });

  it('frames of `len` 5…4 194 304 accepted, 4 and 4 194 305 rejected; split at every byte boundary still decodes', async () => {
    const agent = await connect();
    const id = agent.firstId;
    // Five bytes are id and flags, and an envelope that is none.
    agent.socket.write(encodeFrame({ id, flags: 0, body: Buffer.alloc(0) }));
    expect(await agent.message(id)).toMatchObject({
      type: 'core.error',
      payload: { kind: 'malformed_message' },
    });
    const envelope = { v: PROTOCOL_VERSION, t: 'core.ping', p: Buffer.from([0xa0]), pad: '' };
    const overhead = 5 + encodeCbor({ ...envelope, pad: 'x'.repeat(70_000) }).length - 70_000;
    const largest = encodeCbor({ ...envelope, pad: 'x'.repeat(MAX_FRAME_SIZE - overhead) });
    expect(largest.length + 5).toBe(MAX_FRAME_SIZE);
    agent.socket.write(encodeFrame({ id, flags: 0, body: largest }));
    expect((await agent.message(id)).type).toBe('core.pong');
    const ping = encodeFrame({
      id,
      flags: 0,
      body: encodeCbor({ v: 7, t: 'core.ping', p: Buffer.from([0xa0]) }),
    });
    for (let at = 1; at < ping.length; at++) {
      agent.socket.write(ping.subarray(0, at));
      await delay(1);
      agent.socket.write(ping.subarray(at));
      expect((await agent.message(id)).type).toBe('core.pong');
    }
    for (const length of [4, MAX_FRAME_SIZE + 1]) {
      const bad = await connect();
      const header = Buffer.alloc(4);
      header.writeUInt32BE(length);
      bad.socket.write(header);
      bad.socket.write(Buffer.alloc(16));
      await bad.closed();
    }
    expect((await box.exec('true')).code).toBe(0);
  });

  it('prologue for slots 0, 1, 127; 129th client closed without bytes; freed slot reusable', async () => {
    const agents = await Promise.all(Array.from({ length: 128 }, () => RawAgent.open(path)));
    onTestFinished(async () => {
      for (const agent of agents) await agent[Symbol.asyncDispose]();
      // Slots are free once the relay noticed.
      await expect
        .poll(() =>
          box.ping().then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
    });
    const prologues = agents.map(({ prologue }) => prologue.toString('hex'));
    expect(new Set(prologues).size).toBe(128);
    for (const slot of ['0000000101ffffff', '0200000003fffffe', 'fdffff82ffffff80']) {
      expect(prologues).toContain(slot);
    }
    expect(await RawAgent.bytesUntilClosed(path)).toBe(0);
    const [first] = agents;
    await first?.[Symbol.asyncDispose]();
    await expect
      .poll(() =>
        RawAgent.open(path).then(
          (agent) => agents.push(agent) > 0,
          () => false,
        ),
      )
      .toBe(true);
    expect(agents.at(-1)?.prologue.toString('hex')).toBe(prologues[0]);
  });

  it('out-of-range id disconnects', async () => {
    const agent = await connect();
    agent.send(agent.firstId === 1 ? 0x0200_0000 : 1, 'core.ping', {});
    await agent.closed();
  });

  it('disconnect emits kill frames then the disconnect frame, before slot release', async () => {
    const agent = await connect();
    const [exec, file] = [agent.firstId, agent.firstId + 1];
    agent.send(exec, 'core.exec.request', shell('sleep 4711 & sleep 4711'));
    expect((await agent.message(exec)).type).toBe('core.exec.started');
    agent.send(file, 'core.fs.request', { op: { kind: 'OpenDir', path: '/' } });
    expect(await agent.message(file)).toMatchObject({ payload: { ok: true } });
    await expect.poll(() => running('sleep 4711'), SLOWLY).not.toBe(0);
    await agent[Symbol.asyncDispose]();
    await expect.poll(() => running('sleep 4711'), SLOWLY).toBe(0);
  });

  it('exec: echo, stderr separation, stdin EOF, kill of a background job’s group, PTY resize, missing binary', async () => {
    const agent = await connect();
    let id = agent.firstId;
    agent.send(id, 'core.exec.request', shell('echo out; echo err >&2; exit 7'));
    expect(await finish(agent, id)).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      end: { payload: { code: 7 } },
    });

    id += 1;
    agent.send(id, 'core.exec.request', { cmd: 'cat' });
    agent.send(id, 'core.exec.stdin', { data: Buffer.from('typed') });
    agent.send(id, 'core.exec.stdin', { data: Buffer.alloc(0) });
    expect(await finish(agent, id)).toMatchObject({ stdout: 'typed', end: { payload: { code: 0 } } });

    id += 1;
    agent.send(id, 'core.exec.request', shell('sleep 4712 & echo up; wait'));
    await agent.message(id);
    await agent.message(id);
    agent.send(id, 'core.exec.signal', { signal: 9 });
    expect((await finish(agent, id)).end).toMatchObject({ payload: { code: -1, signal: 9 } });
    await expect.poll(() => running('sleep 4712'), SLOWLY).toBe(0);

    id += 1;
    agent.send(id, 'core.exec.request', {
      ...shell('stty size; read x; stty size'),
      tty: true,
      rows: 30,
      cols: 90,
    });
    await agent.message(id);
    let shown = '';
    while (!shown.includes('30 90')) {
      const message = await agent.message(id);
      if (message.type === 'core.exec.stdout') shown += message.payload.data.toString();
    }
    agent.send(id, 'core.exec.resize', { rows: 41, cols: 123 });
    agent.send(id, 'core.exec.stdin', { data: Buffer.from('\n') });
    expect((await finish(agent, id)).stdout).toContain('41 123');

    id += 1;
    agent.send(id, 'core.exec.request', { cmd: 'no-such-program' });
    expect((await finish(agent, id)).end).toMatchObject({
      type: 'core.exec.failed',
      payload: { kind: 'not_found', errno: 2, errnoName: 'ENOENT' },
    });
  });

  it('fs: handle ownership across connections, length mismatch, 1024-handle limit, 3 MiB chunking', async () => {
    const [agent, other] = [await connect(), await connect()];
    let id = agent.firstId;
    const ask = async (on: RawAgent, at: number, op: FsOp) => {
      on.send(at, 'core.fs.request', { op });
      return (await on.message(at)).payload as { ok: boolean; error: string | null; data: unknown };
    };
    const options = {
      read: true,
      write: true,
      append: false,
      create: true,
      truncate: true,
      createNew: false,
    };
    const opened = await ask(agent, id, { kind: 'OpenFile', path: '/tmp/frames', options });
    expect(opened.ok).toBe(true);
    const handle = (opened.data as { Handle: bigint }).Handle;
    expect((await ask(other, other.firstId, { kind: 'FStat', handle })).error).toBe(
      `handle ${handle} is owned by a different relay client`,
    );

    id += 1;
    agent.send(id, 'core.fs.request', { op: { kind: 'Write', handle, offset: 0n, len: 10n } });
    agent.send(id, 'core.fs.data', { data: Buffer.from('four') });
    agent.send(id, 'core.fs.data', { data: Buffer.alloc(0) });
    expect(await agent.message(id)).toMatchObject({
      payload: { ok: false, error: 'write length mismatch: expected 10, wrote 4' },
    });

    id += 1;
    const chunk = Buffer.alloc(3 * 1024 * 1024, 'c');
    agent.send(id, 'core.fs.request', {
      op: { kind: 'Write', handle, offset: 0n, len: null },
    });
    for (let count = 0; count < 3; count++) agent.send(id, 'core.fs.data', { data: chunk });
    agent.send(id, 'core.fs.data', { data: Buffer.alloc(0) });
    expect(await agent.message(id)).toMatchObject({ payload: { ok: true } });
    expect((await box.shell('wc -c < /tmp/frames')).stdout()).toBe(`${3 * chunk.length}\n`);

    let refusal: string | null = null;
    let handles = 1;
    for (; refusal === null && handles < 1100; handles++) {
      id += 1;
      refusal = (await ask(agent, id, { kind: 'OpenDir', path: '/' })).error;
    }
    expect(refusal).toMatch(/^too many open filesystem handles for relay client: /);
    expect(handles - 1).toBe(1024);
  });

  it('idle: ping never, touch always refreshes; active exec is never idle', async () => {
    const before = (await box.touch()).activitySeq;
    for (let count = 0; count < 3; count++) await box.ping();
    expect((await box.touch()).activitySeq).toBe(before + 1);
    // That a sandbox with a command does not stop, and one without does, is in policies.test.ts.
  });

  it('shutdown with id 0 passes, and leaves an ext4 upper without the needs-recovery flag', async () => {
    await box.shell('echo kept > /written');
    const agent = await connect();
    agent.send(0, 'core.shutdown', null);
    await box.waitUntilStopped();
    expect((await Sandbox.get('frames')).status).toBe('stopped');
    const disk = await open(join(made.home.path, 'sandboxes/frames/upper.ext4'));
    try {
      const superblock = Buffer.alloc(1024);
      await disk.read(superblock, 0, 1024, 1024);
      expect(superblock.readUInt16LE(0x38)).toBe(0xef53);
      // EXT4_FEATURE_INCOMPAT_RECOVER
      expect(superblock.readUInt32LE(0x60) & 0x4).toBe(0);
    } finally {
      await disk.close();
    }
  });
});
