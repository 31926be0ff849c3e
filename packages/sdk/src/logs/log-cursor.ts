/** A place in a log file. */
export interface LogPosition {
  /** Inode of the file. */
  readonly generation: bigint;
  /** Byte just past the newline of the last line that was read. */
  readonly offset: bigint;
}

export const LOG_START: LogPosition = { generation: 0n, offset: 0n };

const POSITION_BYTES = 16;

/** Writes the positions of all files of one reading: base64 of their count and, each, two 64-bit integers. */
export function encodeLogCursor(positions: readonly LogPosition[]): string {
  const bytes = Buffer.alloc(1 + positions.length * POSITION_BYTES);
  bytes.writeUInt8(positions.length, 0);
  for (const [index, { generation, offset }] of positions.entries()) {
    bytes.writeBigUInt64LE(generation, 1 + index * POSITION_BYTES);
    bytes.writeBigUInt64LE(offset, 1 + index * POSITION_BYTES + 8);
  }
  return bytes.toString('base64');
}

/**
 * Writes cursors that differ in one file's offset only, as those of the entries of one piece do: much quicker than
 * {@link encodeLogCursor} for each.
 *
 * @returns the cursor for an offset in that file
 */
export function logCursorsIn(
  positions: readonly LogPosition[],
  fileIndex: number,
  generation: bigint,
): (offset: number) => string {
  const start = encodeLogCursor(positions.with(fileIndex, { generation, offset: 0n }));
  const bytes = Buffer.from(start, 'base64');
  const at = 1 + fileIndex * POSITION_BYTES + 8;
  return (offset) => {
    bytes.writeUInt32LE(offset % 2 ** 32, at);
    bytes.writeUInt32LE(Math.floor(offset / 2 ** 32), at + 4);
    return bytes.toString('base64');
  };
}

/**
 * Reads what {@link encodeLogCursor} wrote.
 *
 * @throws Error with the reason
 */
export function decodeLogCursor(cursor: string): LogPosition[] {
  const bytes = Buffer.from(cursor, 'base64');
  if (bytes.toString('base64') !== cursor) throw new Error('cursor is not valid base64');
  const count = bytes[0];
  if (count === undefined || bytes.length !== 1 + count * POSITION_BYTES) {
    throw new Error(`cursor payload has unexpected length (${bytes.length} bytes)`);
  }
  return Array.from({ length: count }, (_, index) => ({
    generation: bytes.readBigUInt64LE(1 + index * POSITION_BYTES),
    offset: bytes.readBigUInt64LE(1 + index * POSITION_BYTES + 8),
  }));
}
