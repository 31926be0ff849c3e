import type { HeaderField } from './static-table.ts';

/** Literal field, never indexed: a value that was put in must not stay in a table on the way. */
const NEVER_INDEXED = 0x10;
const LENGTH_PREFIX_BITS = 7;

/** A block of header fields that any decoder reads, whatever came before it. */
export function encodeHpack(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ name, value }) => [
      Buffer.from([NEVER_INDEXED]),
      ...formatText(name),
      ...formatText(value),
    ]),
  );
}

function formatText(text: string): [Buffer, Buffer] {
  const bytes = Buffer.from(text, 'latin1');
  return [formatInteger(bytes.length, LENGTH_PREFIX_BITS), bytes];
}

/** RFC 7541 section 5.1. */
function formatInteger(value: number, prefixBits: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([value]);
  const bytes = [mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
