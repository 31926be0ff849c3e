import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';
import { RawAgent } from './support/raw-agent.ts';

const { Sandbox, AgentClient } = await importSdk();

/** One beat a second; a busy host may be late. */
const SOON = { timeout: 30_000, interval: 100 };
const SKEW_MS = 2000;

interface Beat {
  readonly heartbeat_seq: number;
  readonly activity_seq: number;
  readonly timestamp: string;
  readonly last_activity: string;
  readonly active_exec_sessions: number;
  readonly active_fs_streams: number;
  readonly active_tcp_streams: number;
  readonly activity_counters: Readonly<
    Record<'host_messages' | 'guest_messages' | 'exec_output_bytes' | 'fs_bytes' | 'tcp_bytes', number>
  >;
}

let made: BusyboxHome;
let box: SandboxType;
let createdAt: number;
beforeAll(async () => {
  made = await startBusyboxHome();
  createdAt = Date.now();
  box = await Sandbox.builder('box').image(made.reference).create();
});
afterAll(async () => {
  await box?.kill();
  await made[Symbol.asyncDispose]();
});

/** The last beat; null before the first. */
async function latest(): Promise<Beat | null> {
  const text = await readFile(join(made.home.path, 'sandboxes/box/runtime/heartbeat.json'), 'utf8').catch(
    () => 'null',
  );
  return JSON.parse(text);
}

/** The first beat that is as wanted. */
async function beat(wanted: (beat: Beat) => boolean = () => true): Promise<Beat> {
  let found: Beat | null = null;
  await expect
    .poll(async () => {
      found = await latest();
      return found !== null && wanted(found);
    }, SOON)
    .toBe(true);
  return found as unknown as Beat;
}

/** The second beat from now on: the next one may be of before. */
async function nextBeat(): Promise<Beat> {
  const { heartbeat_seq } = await beat();
  return beat((later) => later.heartbeat_seq >= heartbeat_seq + 2);
}

/** A beat that nothing happened before. */
async function quietBeat(): Promise<Beat> {
  let [before, after] = [await beat(), await nextBeat()];
  while (before.activity_seq !== after.activity_seq) [before, after] = [after, await nextBeat()];
  return after;
}

describe('the heartbeat', () => {
  it('begins with the sandbox, however its machine came to life', async () => {
    expect(box.boot?.boot).toBe(inject('boot'));
    const first = await beat();
    // A template's agent would have counted, and looked at its clock, long before.
    expect(first.heartbeat_seq).toBeLessThan((Date.now() - createdAt) / 1000 + 2);
    expect(Date.parse(first.last_activity)).toBeGreaterThan(createdAt - SKEW_MS);
    expect(Date.parse(first.timestamp)).toBeGreaterThanOrEqual(Date.parse(first.last_activity));
    expect(first).toMatchObject({ active_exec_sessions: 0, active_fs_streams: 0, active_tcp_streams: 0 });
    expect(first.activity_counters).toMatchObject({ exec_output_bytes: 0, fs_bytes: 0, tcp_bytes: 0 });
  });

  it('counts no ping, and one for a touch', async () => {
    const before = await quietBeat();
    for (let count = 0; count < 5; count++) await box.ping();
    const pinged = await nextBeat();
    expect({ ...pinged, heartbeat_seq: 0, timestamp: '' }).toEqual({
      ...before,
      heartbeat_seq: 0,
      timestamp: '',
    });
    await box.touch();
    const touched = await beat(({ activity_seq }) => activity_seq !== before.activity_seq);
    expect(touched.activity_seq).toBe(before.activity_seq + 1);
    expect(touched.activity_counters).toEqual({
      ...before.activity_counters,
      host_messages: before.activity_counters.host_messages + 1,
    });
    expect(Date.parse(touched.last_activity)).toBeGreaterThan(Date.parse(before.last_activity));
  });

  it('knows the commands that run, and what they print', async () => {
    const { activity_counters: before } = await beat();
    const script = 'head -c 100000 /dev/zero; read line';
    await using command = await box.execStreamWith('sh', (exec) => exec.args(['-c', script]).stdinPipe());
    const running = await beat(
      ({ activity_counters: { exec_output_bytes } }) => exec_output_bytes >= 100_000,
    );
    expect(running).toMatchObject({ active_exec_sessions: 1 });
    expect(running.activity_counters.exec_output_bytes - before.exec_output_bytes).toBe(100_000);
    await (await command.takeStdin())?.close();
    await command.collect();
    await beat(({ active_exec_sessions }) => active_exec_sessions === 0);
  });

  it('knows open streams of files and connections, until their client goes away', async () => {
    await using listener = await box.shellStream('nc -l -p 7777 -e cat');
    expect(await listener.recv()).toMatchObject({ kind: 'started' });
    const agent = await RawAgent.open(AgentClient.socketPath('box'));
    try {
      const [file, connection] = [agent.firstId, agent.firstId + 1];
      const options = {
        read: false,
        write: true,
        append: false,
        create: true,
        truncate: true,
        createNew: false,
      };
      agent.send(file, 'core.fs.request', { op: { kind: 'OpenFile', path: '/tmp/beat', options } });
      const { payload } = await agent.message(file);
      const { Handle: handle } = (payload as { data: { Handle: bigint } }).data;
      agent.send(file, 'core.fs.request', { op: { kind: 'Write', handle, offset: 0n, len: null } });
      agent.send(file, 'core.fs.data', { data: Buffer.alloc(1000) });

      await expect
        .poll(async () => {
          agent.send(connection, 'core.tcp.connect', { host: '127.0.0.1', port: 7777 });
          return (await agent.message(connection)).type;
        }, SOON)
        .toBe('core.tcp.connected');
      agent.send(connection, 'core.tcp.data', { data: Buffer.from('echo') });
      expect(await agent.message(connection)).toMatchObject({ payload: { data: Buffer.from('echo') } });

      const open = await beat(({ activity_counters: { tcp_bytes } }) => tcp_bytes > 0);
      expect(open).toMatchObject({ active_fs_streams: 1, active_tcp_streams: 1 });
      expect(open.activity_counters).toMatchObject({ fs_bytes: 1000, tcp_bytes: 8 });
    } finally {
      await agent[Symbol.asyncDispose]();
    }
    await beat((closed) => closed.active_fs_streams === 0 && closed.active_tcp_streams === 0);
  });
});
