const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/**
 * A numeric field of a tar header: octal digits between spaces, ended by a NUL, or GNU's base-256 (high bit of
 * the first byte set; two's complement). Null when it holds no number.
 */
export function tarNumber(block: Buffer, offset: number, length: number): bigint | number | null {
  return (block[offset] as number) & 0x80 ? base256(block, offset, length) : tarOctal(block, offset, length);
}

/** A numeric field that can only be octal. */
export function tarOctal(block: Buffer, offset: number, length: number): number | null {
  const end = offset + length;
  let at = offset;
  while (at < end && block[at] === SPACE) at++;
  const first = at;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at] as number;
    if (digit < ZERO || digit > SEVEN) break;
    value = value * 8 + digit - ZERO;
  }
  if (at === first) return null;
  while (at < end && block[at] === SPACE) at++;
  return at === end || block[at] === 0 ? value : null;
}

/** Fields are 8 or 12 bytes; as far as anybody writes them, the low 64 bits say all. */
function base256(block: Buffer, offset: number, length: number): bigint {
  const low = block.readBigInt64BE(offset + length - 8);
  if (length > 8) return block[offset] === 0xff ? low : BigInt.asUintN(64, low);
  return block[offset] === 0xff ? low : BigInt.asUintN(63, low);
}
