/**
 * Lengths in bits of the codes of bytes 0 to 255 and of the end of string (RFC 7541 appendix B). The code is canonical:
 * codes of one length follow each other in the order of their symbols, so the lengths say all of it.
 */
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;
const LONGEST_PADDING_BITS = 7;

/** Codes of one length: the first of them, and their symbols in order. */
interface CodeGroup {
  readonly first: number;
  readonly symbols: readonly number[];
}

/** Indexed by length; a code is found by comparing numbers, without a tree. */
const GROUPS: readonly CodeGroup[] = groupsOf(CODE_LENGTHS);

/** @throws RangeError for a code that does not exist, or padding that is none */
export function decodeHuffman(bytes: Buffer): string {
  const out: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = (code << 1) | ((byte >> bit) & 1);
      length += 1;
      const group = GROUPS[length];
      if (group === undefined) throw new RangeError('no such code');
      const symbol = group.symbols[code - group.first];
      if (symbol === undefined) continue;
      if (symbol === END_OF_STRING) throw new RangeError('end of string within a string');
      out.push(symbol);
      code = 0;
      length = 0;
    }
  }
  // The rest is filled with ones, the beginning of the end of string.
  if (length > LONGEST_PADDING_BITS || code !== (1 << length) - 1) throw new RangeError('malformed padding');
  return Buffer.from(out).toString('latin1');
}

function groupsOf(lengths: readonly number[]): CodeGroup[] {
  const groups: CodeGroup[] = [];
  let code = 0;
  for (let length = 0; length <= Math.max(...lengths); length += 1) {
    const symbols = lengths.flatMap((own, symbol) => (own === length ? [symbol] : []));
    groups.push({ first: code, symbols });
    code = (code + symbols.length) << 1;
  }
  return groups;
}
