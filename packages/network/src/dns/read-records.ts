import { hostNameOf, MAX_NAME_BYTES } from './host-name.ts';
import { HEADER_BYTES } from './question.ts';

const QUESTION_TAIL_BYTES = 4;
const RECORD_HEAD_BYTES = 10;
const POINTER_MARK = 0xc0;

/** A name in a message, and where what follows it begins. */
interface NameAt {
  /** Lower case, labels with dots between them; null when a label is not one of a host. */
  readonly name: string | null;
  readonly end: number;
}

/** A record of the answer section (RFC 1035 section 4.1.3). */
export interface ResourceRecord {
  readonly owner: string | null;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: Buffer;
  /** The data read as a name; null when it is none that ends with the data. */
  readonly target: () => string | null;
}

/**
 * The answer section of a response.
 *
 * Written by hand, because what is checked here must be what the guest's resolver reads: each record is as long as it
 * says, whatever its type would lead one to expect. Libraries go by the type, and then see other records.
 *
 * @throws RangeError for what is no message
 */
export function readRecords(message: Buffer): ResourceRecord[] {
  let offset = HEADER_BYTES;
  for (let left = message.readUInt16BE(4); left > 0; left--) {
    offset = readName(message, offset).end + QUESTION_TAIL_BYTES;
  }
  const records: ResourceRecord[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const { name: owner, end: head } = readName(message, offset);
    const start = head + RECORD_HEAD_BYTES;
    const end = start + message.readUInt16BE(head + 8);
    if (end > message.length) throw new RangeError('a record beyond the end');
    records.push({
      owner,
      type: message.readUInt16BE(head),
      ttl: message.readUInt32BE(head + 4),
      data: message.subarray(start, end),
      target: () => {
        const target = readName(message, start);
        return target.end === end ? target.name : null;
      },
    });
    offset = end;
  }
  return records;
}

/** @throws RangeError for a name that is too long, leads forward or leaves the message */
function readName(message: Buffer, start: number): NameAt {
  const labels: string[] = [];
  let offset = start;
  let end: number | null = null;
  // Pointers only lead back, each to before the last, so that none is followed twice.
  let earliest = start;
  for (let bytes = 0; ; ) {
    const length = message.readUInt8(offset);
    if (length >= POINTER_MARK) {
      const target = message.readUInt16BE(offset) & 0x3fff;
      end ??= offset + 2;
      if (target >= earliest) throw new RangeError('a name that leads forward');
      earliest = target;
      offset = target;
      continue;
    }
    offset += 1;
    if (length === 0) break;
    bytes += length + 1;
    if (length > 63 || bytes > MAX_NAME_BYTES || offset + length > message.length) {
      throw new RangeError('a name that is too long');
    }
    labels.push(message.toString('latin1', offset, offset + length));
    offset += length;
  }
  return { name: hostNameOf(labels), end: end ?? offset };
}
