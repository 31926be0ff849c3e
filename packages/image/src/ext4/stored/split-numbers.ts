/** A number of 32 bits whose halves lie apart. */
export function readSplit16(bytes: Buffer, low: number, high: number): number {
  return bytes.readUInt16LE(low) + bytes.readUInt16LE(high) * 2 ** 16;
}

/** A number of 64 bits whose halves lie apart; beyond 2^53 it is not exact, and larger than any disk. */
export function readSplit32(bytes: Buffer, low: number, high: number): number {
  return bytes.readUInt32LE(low) + bytes.readUInt32LE(high) * 2 ** 32;
}
