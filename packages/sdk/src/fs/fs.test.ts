import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import type { FsOp } from '@microsandbox/protocol';
import { AgentLostError, SandboxFsOpsError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AgentScript, serveScript } from '../../test/scripted-agent.ts';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { type SandboxPlace, sandboxPlace } from '../lifecycle/sandbox-place.ts';
import { freshConnections } from './fs-access.ts';
import { READ_WINDOW_BYTES } from './fs-read-stream.ts';
import { WRITE_WINDOW_BYTES } from './fs-write-sink.ts';
import { SandboxFsOps } from './sandbox-fs-ops.ts';
import { SandboxFsSession } from './sandbox-fs-session.ts';

let home: TestHome;
let place: SandboxPlace;
let server: Server | undefined;

beforeEach(async () => {
  home = await testHome();
  place = await sandboxPlace(home.backend, 'x');
});
afterEach(async () => {
  server?.close();
  await home[Symbol.asyncDispose]();
});

/** File operations against an agent that does as `script` says; opening and closing just work. */
async function filesOf(script: Partial<AgentScript>): Promise<SandboxFsOps> {
  await mkdir(dirname(place.paths.agentSocket), { recursive: true });
  server = await serveScript(place.paths.agentSocket, {
    ...script,
    onRequest(op, reply) {
      if (op.kind === 'OpenFile') reply.ok({ Handle: 1n });
      else if (op.kind === 'CloseHandle') reply.ok();
      else script.onRequest?.(op, reply);
    },
  });
  return new SandboxFsOps(freshConnections(place));
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 100));

describe('a guest that answers badly', () => {
  it.each<[string, AgentScript['onRequest'], string]>([
    ['without a reason', (_, reply) => reply.refuse(null), 'sandbox fs error: the guest gave no reason'],
    ['with an error of the protocol', (_, reply) => reply.error('what?'), 'sandbox fs error: what?'],
    ['with another result', (_, reply) => reply.ok({ Path: '/' }), 'unexpected answer from the agent: stat'],
    ['with no result', (_, reply) => reply.ok(), 'unexpected answer from the agent: stat'],
    ['with something else', (_, reply) => reply.pong(), 'unexpected answer from the agent: core.pong'],
  ])('%s', async (_, onRequest, message) => {
    const files = await filesOf({ onRequest });
    await expect(files.stat('/')).rejects.toThrow(message);
    await expect(files.stat('/')).rejects.toBeInstanceOf(SandboxFsOpsError);
    expect(await files.exists('/')).toBe(false);
  });

  it('with more than it was asked for', async () => {
    const files = await filesOf({
      onRequest(_, reply) {
        reply.data(Buffer.alloc(READ_WINDOW_BYTES));
        reply.data(Buffer.alloc(1));
      },
    });
    await expect(files.read('/f')).rejects.toThrow('the guest sent more than it was asked for');
  });

  it('with times that are none', async () => {
    const info = { path: '/', kind: 'socket', size: 2n ** 60n, mode: 0o140000, uid: 0, gid: 0, atime: null };
    const files = await filesOf({
      onRequest: (_, reply) => reply.ok({ Stat: { ...info, modified: 2n ** 62n, mtime: null } }),
    });
    expect(await files.stat('/')).toMatchObject({ kind: 'other', size: 2 ** 60, modified: null });
  });

  it('with nothing, because it is gone', async () => {
    const files = await filesOf({
      onRequest(op, reply) {
        if (op.kind === 'Read') reply.data(Buffer.alloc(10));
        setImmediate(reply.hangUp);
      },
    });
    await expect(files.read('/f')).rejects.toBeInstanceOf(AgentLostError);
    await expect(files.exists('/f')).rejects.toBeInstanceOf(AgentLostError);
    await expect(files.write('/f', 'x')).rejects.toBeInstanceOf(AgentLostError);
  });
});

describe('a reader', () => {
  it('asks for the next window early, and for no more than that', async () => {
    const asked: FsOp[] = [];
    const size = 3.5 * READ_WINDOW_BYTES;
    const files = await filesOf({
      onRequest(op, reply) {
        if (op.kind !== 'Read') return;
        asked.push(op);
        const left = Math.min(READ_WINDOW_BYTES, size - Number(op.offset));
        for (let at = 0; at < left; at += 1 << 18) reply.data(Buffer.alloc(Math.min(1 << 18, left - at)));
        reply.ok();
      },
    });
    await using stream = await files.readStream('/f');
    await stream.recv();
    await settled();
    expect(asked).toHaveLength(1);
    await stream.recv();
    await settled();
    expect(asked.map((op) => op.kind === 'Read' && Number(op.offset))).toEqual([0, READ_WINDOW_BYTES]);
    expect((await stream.collect()).length).toBe(size - (2 << 18));
    expect(await stream.recv()).toBeNull();
  });

  it('that is disposed of ends, also while it waits', async () => {
    const files = await filesOf({ onRequest: () => {} });
    const stream = await files.readStream('/f');
    const waiting = stream.recv();
    await stream[Symbol.asyncDispose]();
    expect(await waiting).toBeNull();
  });

  it('goes on after a loop that was left', async () => {
    const files = await filesOf({
      onRequest(_, reply) {
        for (const letter of 'abc') reply.data(Buffer.from(letter));
        reply.ok();
      },
    });
    await using stream = await files.readStream('/f');
    for await (const chunk of stream) {
      expect(String(chunk)).toBe('a');
      break;
    }
    expect(Buffer.from(await stream.collect()).toString()).toBe('bc');
  });
});

describe('a writer', () => {
  it('waits for a guest that confirms nothing', async () => {
    let bytes = 0;
    let largest = 0;
    let hangUp = (): void => {};
    const files = await filesOf({
      onData(data, reply) {
        hangUp = reply.hangUp;
        bytes += data.length;
        largest = Math.max(largest, data.length);
      },
    });
    const sink = await files.writeStream('/f');
    const writing = sink.write(Buffer.alloc(64 * WRITE_WINDOW_BYTES));
    await settled();
    await settled();
    expect(bytes).toBe(4 * WRITE_WINDOW_BYTES);
    expect(largest).toBe(WRITE_WINDOW_BYTES);
    hangUp();
    await expect(writing).rejects.toBeInstanceOf(AgentLostError);
    await expect(sink.close()).rejects.toBeInstanceOf(AgentLostError);
  });

  it('hears of a failure at once, and only once', async () => {
    const files = await filesOf({ onRequest: (_, reply) => reply.refuse('write: no') });
    await using sink = await files.writeStream('/f');
    await sink.write('a');
    await settled();
    await expect(sink.write('b')).rejects.toThrow('sandbox fs error: write: no');
    await expect(sink.close()).rejects.toThrow('sandbox fs error: write: no');
  });
});

describe('a session', () => {
  it('does everything on one connection', async () => {
    await filesOf({ onRequest: (_, reply) => reply.ok({ Path: '/real' }) });
    let connections = 0;
    server?.on('connection', () => connections++);
    await using session = await SandboxFsSession.open(place);
    expect([await session.realPath('/a'), await session.readLink('/b')]).toEqual(['/real', '/real']);
    expect(connections).toBe(1);
  });
});

describe('a path that is no text', () => {
  const path = Buffer.from([0x2f, 0xff]);

  it('is refused before an agent sees it that takes only text', async () => {
    const seen: FsOp[] = [];
    const files = await filesOf({
      onRequest(op, reply) {
        seen.push(op);
        reply.ok();
      },
    });
    await expect(files.remove(path)).rejects.toMatchObject({
      code: 'unsupportedOperation',
      message: expect.stringContaining('takes no path that is not UTF-8: /\uFFFD'),
    });
    await files.remove(Buffer.from('/text'));
    expect(seen).toEqual([{ kind: 'Remove', path: '/text' }]);
  });

  it('comes and goes as its bytes', async () => {
    const seen: FsOp[] = [];
    const files = await filesOf({
      extensions: ['binary-paths'],
      onRequest(op, reply) {
        seen.push(op);
        const info = { path: '/\uFFFD', kind: 'file', size: 0n, mode: 0o100644, uid: 0, gid: 0 };
        const times = { modified: null, atime: null, mtime: null };
        if (op.kind === 'List') reply.ok({ List: [{ ...info, ...times, pathBytes: path }] });
        else if (op.kind === 'ReadLink') reply.ok({ Path: '\uFFFD' }, path);
        else reply.ok();
      },
    });
    const [entry] = await files.list('/');
    expect(entry).toMatchObject({ path: '/\uFFFD', pathBytes: path });
    await files.remove(entry?.pathBytes ?? '');
    expect(seen.at(-1)).toEqual({ kind: 'Remove', path: new Uint8Array(path) });
    expect(await files.readLinkBytes(path)).toEqual(path);
    expect(await files.readLink(path)).toBe('/\uFFFD');
  });
});
