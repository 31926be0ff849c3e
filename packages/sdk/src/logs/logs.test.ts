import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { homeLayout, sandboxPaths } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeLogCursor, encodeLogCursor, logCursorsIn } from './log-cursor.ts';
import { LogEntry } from './log-entry.ts';
import type { LogReadOptions, LogStreamOptions } from './log-options.ts';
import { LogStream } from './log-stream.ts';
import { readLogs, readLogsSnapshot } from './read-logs.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-logs-'));
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

const place = (name = 'box') => ({ name, paths: sandboxPaths(homeLayout(home), name) });

async function given(files: Readonly<Record<string, string>>, name = 'box'): Promise<void> {
  const { logsDir } = place(name).paths;
  await mkdir(logsDir, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(logsDir, file), content);
}

const line = (time: string, text: string, source = 'stdout') =>
  `${JSON.stringify({ t: `2026-05-01T${time}.000Z`, s: source, d: text, id: 1 })}\n`;
/** What entries say; they make some of it when they are asked. */
const said = (entries: readonly LogEntry[]) =>
  entries.map((entry) => ({ ...entry.toJSON(), data: Buffer.from(entry.data).toString('latin1') }));
const texts = (entries: readonly LogEntry[]) => entries.map((entry) => entry.text());
const at = (time: string) => new Date(`2026-05-01T${time}.000Z`);

async function stream(options: LogStreamOptions = {}, name = 'box'): Promise<LogEntry[]> {
  await using opened = await LogStream.open(place(name), options);
  const entries: LogEntry[] = [];
  for await (const entry of opened) entries.push(entry);
  return entries;
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms).unref();
  });
  return Promise.race([promise, late]);
}

describe('log streams', () => {
  it('log_stream_drains_exec_log_with_default_sources', async () => {
    await given({
      'exec.log':
        line('10:00:00', 'first line') +
        line('10:00:01', 'warning', 'stderr') +
        line('10:00:02', 'pty out', 'output') +
        line('10:00:03', 'started', 'system'),
    });
    const entries = await stream();
    expect(entries.map(({ source }) => source)).toEqual(['stdout', 'stderr', 'output']);
    expect(entries[0]?.text()).toBe('first line');
    expect(entries[0]?.sessionId).toBe(1);
  });

  it('log_stream_includes_system_files_when_requested', async () => {
    await given({
      'exec.log': line('10:00:00', 'user output'),
      'runtime.log': '2026-05-01T09:59:00.000Z INFO runtime started\n',
      'kernel.log': '2026-05-01T09:58:00.000Z kernel boot complete\n',
    });
    const entries = await stream({ sources: ['stdout', 'system'] });
    expect(texts(entries)).toEqual(
      expect.arrayContaining(['user output', 'INFO runtime started\n', 'kernel boot complete\n']),
    );
    expect(entries.filter(({ source }) => source === 'system').map(({ sessionId }) => sessionId)).toEqual([
      null,
      null,
    ]);
  });

  it('log_stream_includes_rotated_exec_files', async () => {
    await given({
      'exec.log.1': line('08:00:00', 'from rotated'),
      'exec.log': line('09:00:00', 'from active'),
    });
    expect(texts(await stream())).toEqual(['from rotated', 'from active']);
  });

  it('log_stream_resume_from_cursor_continues_after_seen_entries', async () => {
    await given({ 'exec.log': ['a', 'b', 'c'].map((text) => line('10:00:00', text)).join('') });
    const [, b] = await stream();
    expect(texts(await stream({ fromCursor: b?.cursor ?? '' }))).toEqual(['c']);
  });

  it('log_stream_cursor_serializes_and_round_trips', () => {
    expect(encodeLogCursor([])).toBe('AA==');
    const cursor = encodeLogCursor([{ generation: 42n, offset: 100n }]);
    expect(cursor).toBe('ASoAAAAAAAAAZAAAAAAAAAA=');
    expect(decodeLogCursor(cursor)).toEqual([{ generation: 42n, offset: 100n }]);
    const huge = [{ generation: 2n ** 64n - 1n, offset: 2n ** 63n }];
    expect(decodeLogCursor(encodeLogCursor(huge))).toEqual(huge);
  });

  it('writes the cursors of one piece as one by one', () => {
    const positions = [0n, 3n, 9n].map((generation) => ({ generation, offset: 17n }));
    const cursorAt = logCursorsIn(positions, 1, 12n);
    for (const offset of [0, 5, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7]) {
      const there = { generation: 12n, offset: BigInt(offset) };
      expect(cursorAt(offset)).toBe(encodeLogCursor(positions.with(1, there)));
    }
  });

  it('gives each entry to one of those who wait', async () => {
    await given({ 'exec.log': ['a', 'b', 'c'].map((text) => line('10:00:00', text)).join('') });
    await using opened = await LogStream.open(place());
    const received = await Promise.all([1, 2, 3, 4, 5].map(() => opened.recv()));
    expect(received.map((entry) => entry?.text() ?? null)).toEqual(['a', 'b', 'c', null, null]);
  });

  it('log_stream_follow_picks_up_appended_entries', async () => {
    await given({ 'exec.log': line('10:00:00', 'first') });
    await using followed = await LogStream.open(place(), { follow: true });
    expect((await within(3000, followed.recv()))?.text()).toBe('first');
    const next = followed.recv();
    await writeFile(place().paths.execLog, line('10:00:00', 'first') + line('10:00:01', 'second'));
    expect((await within(5000, next))?.text()).toBe('second');
  });

  it('follows across rotations without loss, in order', async () => {
    await given({});
    const { execLog } = place().paths;
    await using followed = await LogStream.open(place(), { follow: true });
    const reader = (async () => {
      const seen: string[] = [];
      while (seen.at(-1) !== 'end') {
        const entry = await followed.recv();
        if (entry === null) break;
        seen.push(entry.text());
      }
      return seen;
    })();
    const written: string[] = [];
    for (let index = 0; index < 200; index += 1) {
      written.push(`${index}`);
      await appendFile(execLog, line('10:00:00', `${index}`));
      if (index % 60 === 59) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await rename(`${execLog}.1`, `${execLog}.2`).catch(() => {});
        await rename(execLog, `${execLog}.1`);
      }
    }
    await appendFile(execLog, line('10:00:00', 'end'));
    expect(await within(10_000, reader)).toEqual([...written, 'end']);
  });

  it('says that a slow reader was overtaken', async () => {
    await given({ 'exec.log': line('10:00:00', 'a') });
    const { execLog } = place().paths;
    await using followed = await LogStream.open(place(), { follow: true });
    await followed.recv();
    await rm(execLog);
    await writeFile(execLog, line('10:00:01', 'b'));
    await expect(within(5000, followed.recv())).rejects.toMatchObject({
      code: 'missedRotation',
      message: expect.stringMatching(/^log stream missed rotation \(dropped from offset \d+\)$/),
    });
  });

  it('log_stream_invalid_cursor_returns_error_upfront', async () => {
    await given({ 'exec.log': line('10:00:00', 'a') }, 'one');
    await given({ 'exec.log': line('10:00:00', 'b') }, 'two');
    const [entry] = await stream({}, 'two');
    await expect(LogStream.open(place('one'), { fromCursor: entry?.cursor ?? '' })).rejects.toMatchObject({
      code: 'invalidCursor',
      message: expect.stringMatching(
        /^invalid cursor: exec\.log generation \d+ is not in the current rotation chain$/,
      ),
    });
  });

  it('resumes in a file that was rotated meanwhile', async () => {
    await given({ 'exec.log': line('10:00:00', 'a') + line('10:00:01', 'b') });
    const [a] = await stream();
    const { execLog } = place().paths;
    await rename(execLog, `${execLog}.1`);
    await writeFile(execLog, line('10:00:02', 'c'));
    expect(texts(await stream({ fromCursor: a?.cursor ?? '' }))).toEqual(['b', 'c']);
  });

  it('ends before the first entry that is too late', async () => {
    await given({ 'exec.log': line('10:00:00', 'a') + line('10:00:05', 'b') + line('10:00:01', 'c') });
    expect(texts(await stream({ until: at('10:00:03') }))).toEqual(['a']);
    expect(texts(await stream({ since: at('10:00:01') }))).toEqual(['b', 'c']);
  });

  it('refuses contradictory and broken starts', async () => {
    await given({ 'exec.log': '' });
    await expect(stream({ since: new Date(), fromCursor: 'AA==' })).rejects.toThrow('mutually exclusive');
    await expect(stream({ fromCursor: '?' })).rejects.toThrow(
      'invalid fromCursor: cursor is not valid base64',
    );
    await expect(stream({ fromCursor: 'AQ==' })).rejects.toThrow(
      'invalid fromCursor: cursor payload has unexpected length (1 bytes)',
    );
    await expect(stream({ sources: ['nope' as 'stdout'] })).rejects.toThrow('unknown log source "nope"');
    await expect(stream({}, 'absent')).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });

  it('does not stall at a line that is longer than a chunk', async () => {
    const long = 'x'.repeat(3 << 20);
    await given({ 'exec.log': line('10:00:00', long) + line('10:00:01', 'after') });
    const entries = await stream();
    expect(entries.map((entry) => entry.data.length)).toEqual([long.length, 5]);
  });

  it('reads 200 MiB in a memory that stays as it is', async () => {
    const full = line('10:00:00', `${'x'.repeat(120)}\n`).repeat(56_000); // 10 MiB, as much as a file holds
    await given({
      'exec.log.4': full,
      'exec.log.3': full,
      'exec.log.2': full,
      'exec.log.1': full,
      'exec.log': full,
    });
    const script = fileURLToPath(new URL('../../test/read-much.ts', import.meta.url));
    const flags = ['--max-semi-space-size=4', '--max-old-space-size=64', '--conditions=@microsandbox/source'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, home], {
      timeout: 100_000,
    });
    const { grown, read } = JSON.parse(stdout);
    expect(read).toBe(4 * 5 * 56_000 * 121);
    expect(grown).toBeLessThan(96 << 20);
  }, 120_000);
});

describe('log readings', () => {
  it('read_logs_returns_sorted_snapshot', async () => {
    await given({
      'runtime.log': '2026-05-01T08:00:00.000Z INFO early runtime\n',
      'exec.log': line('09:00:00', 'late stdout'),
    });
    const entries = await readLogs(place(), { sources: ['stdout', 'system'] });
    expect(texts(entries)).toEqual(['INFO early runtime\n', 'late stdout']);
  });

  it('read_logs_sorted_cursor_resumes_after_selected_entry', async () => {
    await given({
      'exec.log': line('10:00:00', 'a') + line('10:00:02', 'c'),
      'runtime.log': '2026-05-01T10:00:01.000Z INFO b\n',
    });
    const sources = ['stdout', 'system'] as const;
    const entries = await readLogs(place(), { sources });
    expect(texts(entries)).toEqual(['a', 'INFO b\n', 'c']);
    expect(texts(await stream({ sources, fromCursor: entries[1]?.cursor ?? '' }))).toEqual(['c']);
  });

  it('read_logs_snapshot_cursor_advances_past_since_filtered_entries', async () => {
    await given({ 'exec.log': line('10:00:00', 'old') });
    const snapshot = await readLogsSnapshot(place(), { since: at('10:01:00') });
    expect(snapshot.entries).toEqual([]);
    expect(await stream({ fromCursor: snapshot.cursor })).toEqual([]);
  });

  it('takes times, then the tail', async () => {
    await given({ 'exec.log': [1, 2, 3, 4].map((s) => line(`10:00:0${s}`, `${s}`)).join('') });
    const read = async (options: Parameters<typeof readLogs>[1]) => texts(await readLogs(place(), options));
    expect(await read({ since: at('10:00:02'), until: at('10:00:04') })).toEqual(['2', '3']);
    expect(await read({ tail: 1, until: at('10:00:04') })).toEqual(['3']);
    expect(await read({ tail: 0 })).toEqual([]);
    expect(await read({ tail: 10, sources: ['all'] })).toEqual(['1', '2', '3', '4']);
  });
});

describe('LogEntry', () => {
  it('is made by anybody from its parts, and shows them', () => {
    const data = Buffer.from('text');
    const entry = new LogEntry(at('10:00:00'), 'stdout', 3, data, 'AA==');
    expect(entry.text()).toBe('text');
    expect(entry.toJSON()).toEqual({
      timestamp: at('10:00:00'),
      source: 'stdout',
      sessionId: 3,
      data,
      cursor: 'AA==',
    });
    expect(inspect(entry)).toContain("cursor: 'AA=='");
  });
});

describe('log lines', () => {
  it('keeps the last entries of a long log, with the cursors that they have in the whole', async () => {
    const time = (n: number) => new Date(Date.UTC(2026, 4, 1) + n * 10).toISOString();
    const many = Array.from({ length: 12_000 }, (_, n) => n);
    const exec = many.map((n) => `${JSON.stringify({ t: time(n * 2), s: 'stdout', d: `${n}`, id: 1 })}\n`);
    await given({
      'exec.log.1': exec.slice(0, 7000).join(''),
      'exec.log': exec.slice(7000).join(''),
      'runtime.log': many.map((n) => `${time(n * 2 + 1)} INFO ${n}\n`).join(''),
    });
    const all = await readLogs(place(), { sources: ['all'] });
    expect(all).toHaveLength(24_000);
    expect(said(await readLogs(place(), { sources: ['all'], tail: 30 }))).toEqual(said(all.slice(-30)));
    const options: LogReadOptions = {
      sources: ['all'],
      since: all[5]?.timestamp as Date,
      until: all[23_990]?.timestamp as Date,
    };
    const some = await readLogs(place(), { ...options, tail: 5000 });
    expect(said(some)).toEqual(said(all.slice(18_990, 23_990)));
    expect(await readLogs(place(), { sources: ['all'], tail: 0 })).toEqual([]);
  });

  it('finds the last entries of every kind from the end, whatever lies between and however long lines are', async () => {
    const time = (n: number) => new Date(Date.UTC(2026, 4, 1) + n * 10).toISOString();
    const exec = Array.from({ length: 3000 }, (_, n) => {
      if (n % 97 === 0) return 'no entry\n';
      const d = n % 900 === 0 ? 'x'.repeat(300_000) : `${n}\n`;
      return `${JSON.stringify({ t: time(n), s: n % 500 === 0 ? 'stderr' : 'stdout', d, id: 1 })}\n`;
    });
    await given({
      'exec.log.2': exec.slice(0, 1000).join(''),
      'exec.log.1': exec.slice(1000, 2000).join(''),
      'exec.log': `${exec.slice(2000).join('')}{"t":"partial`,
    });
    for (const sources of [['stdout'], ['stderr'], ['stdout', 'stderr'], ['all']] as const) {
      for (const until of [undefined, new Date(time(1500))]) {
        const range: LogReadOptions = { sources, ...(until && { until }) };
        const all = said(await readLogs(place(), range));
        for (const tail of [1, 4, 1000, 5000]) {
          expect(said(await readLogs(place(), { ...range, tail }))).toEqual(all.slice(-tail));
        }
        const since = new Date(time(1200));
        const later = all.filter(({ timestamp }) => timestamp >= since);
        expect(said(await readLogs(place(), { ...range, since, tail: 700 }))).toEqual(later.slice(-700));
      }
    }
  });

  it('leaves a partial trailing line for later', async () => {
    const whole = line('10:00:00', 'whole');
    await given({ 'exec.log': whole + line('10:00:01', 'partial').slice(0, -3) });
    expect(texts(await stream())).toEqual(['whole']);
  });

  it('dates a text line without time by its file', async () => {
    await given({ 'kernel.log': '[ 0.0] Linux version 6\n', 'exec.log': '' });
    const when = new Date('2026-04-01T00:00:00Z');
    await utimes(place().paths.kernelLog, when, when);
    const [entry] = await readLogs(place(), { sources: ['system'] });
    expect(entry?.timestamp).toEqual(when);
    expect(entry?.text()).toBe('[ 0.0] Linux version 6\n');
  });
});
