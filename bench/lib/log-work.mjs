// One piece of work on a log, in a process of its own so that its memory can be told. Prints milliseconds and the
// growth of its resident memory at its peak, in MiB, as JSON.
// `node bench/lib/log-work.mjs write|append|stream|snapshot|tail|readline <folder> [MiB of output] [bytes a line]`

import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ExecLog } from '../../packages/runtime/src/process/journal/exec-log.ts';
import { LogStream } from '../../packages/sdk/src/logs/log-stream.ts';
import { readLogs } from '../../packages/sdk/src/logs/read-logs.ts';

const [work, folder, mib = '200', lineBytes = '128'] = process.argv.slice(2);
const path = join(folder, 'exec.log');
/** What the relay lets wait before it holds the guest's output back. */
const BACKLOG_BYTES = 4 << 20;

const line = Buffer.from(
  `${'output of a program '.repeat(1 + Number(lineBytes) / 20).slice(0, lineBytes - 1)}\n`,
);
const count = Math.floor((Number(mib) << 20) / line.length);
const place = { name: 'bench', paths: { logsDir: folder, execLog: path } };

const works = {
  /** The journal of a sandbox process; without rotation, so that the readers get all of it. */
  async write() {
    const log = new ExecLog(path, { limitBytes: Number.MAX_SAFE_INTEGER });
    for (let index = 0; index < count; index++) {
      log.output('stdout', 1, line);
      if (log.backlogBytes > BACKLOG_BYTES) await log.flush();
    }
    await log.close();
  },
  /** Node's own way to append the same output. */
  async append() {
    const stream = createWriteStream(join(folder, 'plain.log'), { flags: 'a', highWaterMark: BACKLOG_BYTES });
    for (let index = 0; index < count; index++) {
      if (!stream.write(line)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'close');
  },
  async stream() {
    let read = 0;
    for await (const { data } of await LogStream.open(place)) read += data.length;
    return read;
  },
  async snapshot() {
    return (await readLogs(place)).reduce((read, { data }) => read + data.length, 0);
  },
  async tail() {
    return (await readLogs(place, { tail: 100 })).length;
  },
  /** Node's own way to read the same lines, without a look at what they say. */
  async readline() {
    let read = 0;
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
      read += text.length;
    return read;
  },
};

globalThis.gc?.();
const before = process.memoryUsage.rss();
let peak = before;
const sampler = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5);
const start = performance.now();
const result = await works[work]();
const ms = performance.now() - start;
clearInterval(sampler);
peak = Math.max(peak, process.memoryUsage.rss());
console.log(JSON.stringify({ ms, peakMib: (peak - before) / 2 ** 20, result }));
