import { type NetworkLogRecord, networkLogRecordSchema } from '@microsandbox/types';
import { FolderWatch } from '../logs/folder-watch.ts';
import { readLines } from '../logs/line-reader.ts';
import { generationOf, type OpenLogFile, openLogChain } from '../logs/open-log-chain.ts';

/** Rotated predecessors of `network.log`. */
const ROTATIONS = 4;

/** Where a log is and whether what comes later is wanted, and until when. */
export interface NetworkLogSource {
  readonly path: string;
  readonly folder: string;
  readonly follow: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Records of a sandbox's `network.log`, oldest first, through its rotations. Lines that are none are left out. */
export async function* readNetworkLog(
  source: NetworkLogSource,
): AsyncGenerator<NetworkLogRecord, void, void> {
  // Watching begins before the first reading, so that nothing falls between the two.
  const watch = source.follow ? new FolderWatch(source.folder) : null;
  const stopWatching = (): void => watch?.close();
  source.signal?.addEventListener('abort', stopWatching);
  let files: OpenLogFile[] = [];
  try {
    files = await filesFrom(source.path, null);
    for (let offset = 0; ; ) {
      // Asked before the reading, so that what was written before the signal is still read.
      const isLastRound = watch === null || source.signal?.aborted === true;
      const [file, newer] = files;
      if (file !== undefined) {
        const { bytes, end } = await readLines(file.file, offset);
        yield* recordsOf(bytes);
        const isAtEnd = end === offset;
        offset = end;
        if (!isAtEnd) continue;
      }
      if (newer === undefined && file?.generation !== (await generationOf(source.path))) {
        files = [...files, ...(await filesFrom(source.path, file?.generation ?? null))];
      }
      if (files.length > (file === undefined ? 0 : 1)) {
        if (file === undefined) continue;
        await file.file.close();
        files.shift();
        offset = 0;
      } else {
        if (isLastRound) return;
        await watch.next();
      }
    }
  } finally {
    source.signal?.removeEventListener('abort', stopWatching);
    stopWatching();
    for (const { file } of files) await file.close();
  }
}

/** The log's files after the one of `generation`, oldest first. */
async function filesFrom(path: string, generation: bigint | null): Promise<OpenLogFile[]> {
  const chain = (await openLogChain(path, ROTATIONS)).filter((entry) => entry !== null);
  const known = chain.findIndex((entry) => entry.generation === generation);
  const newer = known < 0 ? chain : chain.slice(0, known);
  for (const { file } of chain.slice(newer.length)) await file.close();
  return newer.reverse();
}

function* recordsOf(bytes: Buffer): Generator<NetworkLogRecord, void, void> {
  for (const line of bytes.toString().split('\n')) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      continue;
    }
    const record = networkLogRecordSchema.safeParse(value);
    if (record.success) yield record.data;
  }
}
