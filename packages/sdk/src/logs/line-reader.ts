import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 1 << 20;

/** Longest line that is returned; a longer one is skipped. A protocol frame is well below, escaped too. */
const MAX_LINE_BYTES = 32 << 20;

/** A line without its newline, and the file's offset behind the newline. */
export interface LogLine {
  readonly bytes: Buffer;
  readonly end: number;
}

const NEWLINE = 0x0a;

/**
 * Reads whole lines of a file from an offset: as many as fit in 1 MiB, or one longer one. A last line without
 * newline is left for later, because its writer may not be done.
 *
 * @returns the lines, and the offset up to which the file was consumed
 */
export async function readLines(
  file: FileHandle,
  offset: number,
): Promise<{ readonly lines: LogLine[]; readonly end: number }> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    const buffer = Buffer.allocUnsafe(size);
    const { bytesRead } = await file.read(buffer, 0, size, offset);
    const chunk = buffer.subarray(0, bytesRead);
    const last = chunk.lastIndexOf(NEWLINE);
    if (last >= 0) return splitLines(chunk.subarray(0, last + 1), offset);
    if (bytesRead < size) return { lines: [], end: offset };
    if (size >= MAX_LINE_BYTES) return { lines: [], end: await endOfLine(file, offset + size) };
  }
}

function splitLines(chunk: Buffer, offset: number): { lines: LogLine[]; end: number } {
  const lines: LogLine[] = [];
  for (let start = 0; start < chunk.length; ) {
    const newline = chunk.indexOf(NEWLINE, start);
    lines.push({ bytes: chunk.subarray(start, newline), end: offset + newline + 1 });
    start = newline + 1;
  }
  return { lines, end: offset + chunk.length };
}

/** Offset behind the next newline, or the end of the file when there is none yet. */
async function endOfLine(file: FileHandle, from: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = from; ; ) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return at;
    const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    if (newline >= 0) return at + newline + 1;
    at += bytesRead;
  }
}
