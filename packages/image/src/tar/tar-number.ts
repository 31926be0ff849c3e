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

/** Big-endian; the two top bits of the first byte are the mark and the sign. */
function base256(block: Buffer, offset: number, length: number): bigint {
  const negative = (block[offset] as number) & 0x40;
  let value = BigInt((block[offset] as number) & 0x3f) - (negative ? 0x40n : 0n);
  for (let i = 1; i < length; i++) value = value * 256n + BigInt(block[offset + i] as number);
  return value;
}
