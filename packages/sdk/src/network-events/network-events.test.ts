import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxPaths } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetworkEvent, NetworkEventOptions } from './network-event.ts';
import { networkEvents } from './network-events.ts';

let folder: string;
let log: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-events-'));
  log = join(folder, 'network.log');
});
afterEach(() => rm(folder, { recursive: true }));

const STARTED = { t: '2026-01-01T00:00:00.000Z', type: 'started' };

function verdict(second: number, port: number): unknown {
  return {
    t: `2026-01-01T00:00:0${second}.000Z`,
    type: 'verdict',
    action: 'deny',
    direction: 'egress',
    protocol: 'tcp',
    address: '10.0.0.1',
    port,
    hostname: null,
    decided_by: 'default',
    rule: null,
    allow_rule: `allow@10.0.0.1:tcp:${port}`,
    count: 1,
    first: true,
  };
}

const lines = (...records: unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

function events(options?: NetworkEventOptions): AsyncGenerator<NetworkEvent, void, void> {
  return networkEvents({ name: 'box', paths: { logsDir: folder, networkLog: log } as SandboxPaths }, options);
}

async function ports(options?: NetworkEventOptions): Promise<(number | null)[]> {
  const found: (number | null)[] = [];
  for await (const { port } of events(options)) found.push(port);
  return found;
}

describe('network events', () => {
  it('are none before there is a log, and an error without a sandbox', async () => {
    expect(await ports()).toEqual([]);
    const gone = networkEvents({
      name: 'x',
      paths: { logsDir: join(folder, 'x'), networkLog: '' } as SandboxPaths,
    });
    await expect(gone.next()).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });

  it('come in order through rotations, without lines that are none', async () => {
    await writeFile(`${log}.1`, lines(STARTED, verdict(1, 1)));
    await writeFile(log, `garbage\n{"type":"later"}\n${lines(verdict(2, 2))}{"half`);
    expect(await ports()).toEqual([1, 2]);
    expect(await ports({ since: new Date('2026-01-01T00:00:02Z') })).toEqual([2]);
    for await (const event of events()) {
      expect(event).toMatchObject({ decidedBy: 'default', allowRule: 'allow@10.0.0.1:tcp:1' });
      break;
    }
  });

  it('can be those of the last start', async () => {
    const again = { ...STARTED, t: '2026-01-01T00:00:02.000Z' };
    await writeFile(log, lines(STARTED, verdict(1, 1), again, verdict(3, 3)));
    expect(await ports({ lastRun: true })).toEqual([3]);
  });

  it('end at a signal, with all that was written before it', async () => {
    await writeFile(log, lines(STARTED, verdict(1, 1)));
    const ended = new AbortController();
    const stream = events({ follow: true, signal: ended.signal });
    expect((await stream.next()).value?.port).toBe(1);
    const second = stream.next();
    await appendFile(log, lines(verdict(2, 2), verdict(3, 3)));
    ended.abort();
    expect((await second).value?.port).toBe(2);
    expect((await stream.next()).value?.port).toBe(3);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await ports({ follow: true, signal: ended.signal })).toEqual([1, 2, 3]);
  });

  it('are followed over a rotation', async () => {
    await writeFile(log, lines(STARTED, verdict(1, 1)));
    const stream = events({ follow: true });
    const next = async () => (await stream.next()).value?.port;
    expect(await next()).toBe(1);
    await appendFile(log, lines(verdict(2, 2)));
    expect(await next()).toBe(2);
    await rename(log, `${log}.1`);
    await writeFile(log, lines(verdict(3, 3)));
    expect(await next()).toBe(3);
    await stream.return();
  });
});
