import { ImageError } from '@microsandbox/types';
import { quotePath } from '../tree/quote-path.ts';
import { tarNumber, tarOctal } from './tar-number.ts';

/** Bytes of a tar record: headers are one, bodies are padded to whole ones. */
export const RECORD_BYTES = 512;

/** One header record, decoded. Names and link targets are latin1 strings. */
export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  /** Type flag as a character. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of body that follow. */
  readonly size: number;
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const DEFAULT_MODE = 0o644;

/** Magic and version of POSIX headers. */
const USTAR = 'ustar\x0000';

/**
 * Decodes a record (POSIX.1-1988 ustar, GNU and old V7 headers).
 *
 * @throws {ImageError} when the checksum is wrong or the size is no size.
 */
export function decodeTarHeader(record: Buffer): TarHeader {
  verifyChecksum(record);
  const name = headerName(record);
  return {
    name,
    linkName: text(record, 157, 100),
    type: String.fromCharCode(record[156] as number),
    mode: (tarOctal(record, 100, 8) ?? DEFAULT_MODE) & 0o7777,
    uid: id(tarNumber(record, 108, 8)),
    gid: id(tarNumber(record, 116, 8)),
    size: size(record, name),
    mtime: time(tarNumber(record, 136, 12)),
    deviceMajor: id(tarNumber(record, 329, 8)),
    deviceMinor: id(tarNumber(record, 337, 8)),
  };
}

/** Sum of all bytes, those of the checksum field counted as spaces. */
function verifyChecksum(record: Buffer): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += record[i] as number;
  for (let i = 156; i < RECORD_BYTES; i++) sum += record[i] as number;
  if (tarOctal(record, 148, 8) !== sum) throw new ImageError('archive header checksum mismatch');
}

/** POSIX headers have a second field for the front of long names; GNU's keep other things there. */
function headerName(record: Buffer): string {
  const name = text(record, 0, 100);
  if (record[345] === 0 || record.toString('latin1', 257, 265) !== USTAR) return name;
  return `${text(record, 345, 155)}/${name}`;
}

function text(record: Buffer, offset: number, length: number): string {
  const nul = record.indexOf(0, offset);
  return record.toString('latin1', offset, nul < 0 ? offset + length : Math.min(nul, offset + length));
}

function size(record: Buffer, name: string): number {
  const value = tarNumber(record, 124, 12);
  if (value === null && record[124] !== 0) {
    throw new ImageError(`numeric field was not a number: size of ${quotePath(name)}`);
  }
  const bytes = Number(value ?? 0);
  if (bytes < 0 || !Number.isSafeInteger(bytes)) throw new ImageError(`file too large: ${quotePath(name)}`);
  return bytes;
}

/** Ids are cut to 32 bits; an unreadable one is root's. */
function id(value: bigint | number | null): number {
  return typeof value === 'bigint' ? Number(BigInt.asUintN(32, value)) : (value ?? 0) >>> 0;
}

function time(value: bigint | number | null): number {
  const seconds = Number(value ?? 0);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, seconds));
}
