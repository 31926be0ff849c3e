import { ImageError } from '@microsandbox/types';

const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const SPACE = 0x20;

/** Longest record length field: enough for any body that is accepted, and short enough to be exact. */
const MAX_LENGTH_DIGITS = 12;

/**
 * Records of a PAX extended header body (POSIX.1-2001 pax, "pax Extended Header"): `length keyword=value\n` each,
 * the length counting the whole record. A keyword that occurs twice has its last value; an empty value cancels
 * what earlier records said. Keys are latin1 strings, values raw bytes.
 *
 * @throws {ImageError} when the body is not made of such records.
 */
export function parsePaxRecords(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const end = recordEnd(body, at);
    const keyStart = body.indexOf(SPACE, at) + 1;
    const equals = body.indexOf(EQUALS, keyStart);
    if (equals < 0 || equals >= end || equals === keyStart) throw malformed();
    const key = body.toString('latin1', keyStart, equals);
    records.delete(key);
    records.set(key, body.subarray(equals + 1, end));
    at = end + 1;
  }
  for (const [key, value] of records) if (value.length === 0) records.delete(key);
  return records;
}

/** Offset of the newline that ends the record at `at`. */
function recordEnd(body: Buffer, at: number): number {
  let length = 0;
  let digits = 0;
  for (; ; digits++) {
    const digit = (body[at + digits] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
    if (digits >= MAX_LENGTH_DIGITS) throw malformed();
  }
  const end = at + length - 1;
  if (digits === 0 || body[at + digits] !== SPACE || end <= at + digits || body[end] !== NEWLINE) {
    throw malformed();
  }
  return end;
}

function malformed(): ImageError {
  return new ImageError('malformed pax extension');
}
