import type { FileHandle } from 'node:fs/promises';

/** What is read at once. What an entry keeps of it stays in memory as a whole. */
const CHUNK_BYTES = 256 << 10;

/** Longest line that is returned; a longer one is skipped. A protocol frame is well below, escaped too. */
const MAX_LINE_BYTES = 32 << 20;

/** Whole lines of a file. */
export interface LineChunk {
  /** The lines with their newlines; nothing where a line was skipped or none is complete. */
  readonly bytes: Buffer;
  /** Offset of the file behind what was consumed. */
  readonly end: number;
}

const NEWLINE = 0x0a;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads whole lines of a file from an offset: as many as fit in 256 KiB, or one longer one. A last line without
 * newline is left for later, because its writer may not be done.
 */
export async function readLines(file: FileHandle, offset: number): Promise<LineChunk> {
  for (let size = CHUNK_BYTES; ; size *= 2) {
    const buffer = Buffer.allocUnsafe(size);
    const { bytesRead } = await file.read(buffer, 0, size, offset);
    const length = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
    if (length > 0) return { bytes: buffer.subarray(0, length), end: offset + length };
    if (bytesRead < size) return { bytes: NOTHING, end: offset };
    if (size >= MAX_LINE_BYTES) return { bytes: NOTHING, end: await endOfLine(file, offset + size) };
  }
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
