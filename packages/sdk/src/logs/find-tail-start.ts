import type { FileHandle } from 'node:fs/promises';
import { LOG_START, type LogPosition } from './log-cursor.ts';
import { openLogChain } from './open-log-chain.ts';
import { type PlacedLogLine, parseExecLog } from './parse-exec-log.ts';

/** What is read at once; twice as much each time while no line begins in it. */
const BLOCK_BYTES = 256 << 10;

const NEWLINE = 0x0a;

/** What an entry means for those who look for the last entries: it does not count, counts, or nothing before it does. */
export type TailVerdict = 'skip' | 'count' | 'stop';

/**
 * Looks from the end of an `exec.log` for the place from which the last entries are to be read, with one entry before
 * them where there is one.
 *
 * @param count how many entries
 * @param judge what to make of an entry
 * @returns the start of the log when it holds fewer
 */
export async function findTailStart(
  path: string,
  rotations: number,
  count: number,
  judge: (line: PlacedLogLine) => TailVerdict,
): Promise<LogPosition> {
  const chain = await openLogChain(path, rotations);
  try {
    let found = 0;
    for (const entry of chain) {
      if (entry === null) continue;
      for await (const { lines, start } of blocksBackwards(entry.file)) {
        for (let index = lines.length - 1; index >= 0; index -= 1) {
          const verdict = judge(lines[index] as PlacedLogLine);
          if (verdict === 'count') found += 1;
          if (verdict !== 'stop' && found <= count) continue;
          return { generation: entry.generation, offset: BigInt(lines[index - 1]?.end ?? start) };
        }
      }
    }
    return LOG_START;
  } finally {
    for (const entry of chain) await entry?.file.close();
  }
}

/** The entries of a file from its end, block by block, with the offset where the first line of a block begins. */
async function* blocksBackwards(file: FileHandle) {
  let { size: end } = await file.stat();
  for (let bytes = BLOCK_BYTES; end > 0; ) {
    const from = Math.max(0, end - bytes);
    const block = Buffer.allocUnsafe(end - from);
    const { bytesRead } = await file.read(block, 0, block.length, from);
    // A block that does not begin with the file begins behind its first newline.
    const first = from === 0 ? 0 : block.subarray(0, bytesRead).indexOf(NEWLINE) + 1;
    const last = block.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
    if (from > 0 && (first === 0 || first === last)) {
      bytes *= 2;
      continue;
    }
    const start = from + first;
    yield { lines: parseExecLog(block.subarray(first, last), start), start };
    bytes = BLOCK_BYTES;
    end = start;
  }
}
