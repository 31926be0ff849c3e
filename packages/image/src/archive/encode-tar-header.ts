import { RECORD_BYTES } from '../tar/tar-header.ts';

/** Content of a header record. Names and targets are latin1 strings of at most 100 bytes. */
export interface TarHeaderFields {
  readonly name: string;
  /** Type flag. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
}

/** Longest name or target in a record, bytes. */
export const MAX_NAME_BYTES = 100;

const GNU_MAGIC = 'ustar  \0';

/** One header record in GNU's form. */
export function encodeTarHeader(fields: TarHeaderFields): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.write(fields.name, 0, MAX_NAME_BYTES, 'latin1');
  writeNumber(record, 100, 8, fields.mode);
  writeNumber(record, 108, 8, fields.uid);
  writeNumber(record, 116, 8, fields.gid);
  writeNumber(record, 124, 12, fields.size);
  writeNumber(record, 136, 12, fields.mtime);
  record.write('        ', 148, 'latin1');
  record.write(fields.type, 156, 1, 'latin1');
  record.write(fields.linkName, 157, MAX_NAME_BYTES, 'latin1');
  record.write(GNU_MAGIC, 257, 'latin1');
  writeNumber(record, 329, 8, fields.major);
  writeNumber(record, 337, 8, fields.minor);
  const sum = record.reduce((total, byte) => total + byte, 0);
  record.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return record;
}

/** Octal with a NUL behind; GNU's base-256 for what is negative or has too many digits. */
function writeNumber(record: Buffer, offset: number, length: number, value: number): void {
  const octal = value.toString(8).padStart(length - 1, '0');
  if (value >= 0 && octal.length < length) {
    record.write(`${octal}\0`, offset, 'latin1');
    return;
  }
  let rest = BigInt.asUintN(length * 8, BigInt(value));
  for (let i = length - 1; i >= 0; i--) {
    record[offset + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  record[offset] = (value < 0 ? 0xff : 0x80) as number;
}
