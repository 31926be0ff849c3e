/** Writes tar archives by hand, so that tests can also write wrong ones. */

const RECORD = 512;

export interface TarEntry {
  readonly name: string;
  /** Type flag; regular file by default. */
  readonly type?: string;
  readonly body?: Uint8Array | string;
  /** Size field, when it is not the body's length. */
  readonly size?: number | bigint;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly linkName?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Front of the path in the ustar header. */
  readonly prefix?: string;
  /** `gnu` writes GNU's magic. */
  readonly magic?: 'ustar' | 'gnu' | 'none';
  /** Changes the record after the checksum was written. */
  readonly corrupt?: (record: Buffer) => void;
}

/** One member: header, body, padding. */
export function tarEntry(entry: TarEntry): Buffer {
  const content = entry.body ?? '';
  const body = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  const record = Buffer.alloc(RECORD);
  record.write(entry.name, 0, 100, 'latin1');
  writeOctal(record, 100, 8, entry.mode ?? 0o644);
  writeOctal(record, 108, 8, entry.uid ?? 0);
  writeOctal(record, 116, 8, entry.gid ?? 0);
  if (typeof entry.size === 'bigint') writeBase256(record, 124, 12, entry.size);
  else writeOctal(record, 124, 12, entry.size ?? body.length);
  writeOctal(record, 136, 12, entry.mtime ?? 1_700_000_000);
  record.write(entry.type ?? '0', 156, 1, 'latin1');
  record.write(entry.linkName ?? '', 157, 100, 'latin1');
  const magic = { ustar: 'ustar\x0000', gnu: 'ustar  \0', none: '' }[entry.magic ?? 'ustar'];
  record.write(magic, 257, 'latin1');
  writeOctal(record, 329, 8, entry.major ?? 0);
  writeOctal(record, 337, 8, entry.minor ?? 0);
  record.write(entry.prefix ?? '', 345, 155, 'latin1');
  writeChecksum(record);
  entry.corrupt?.(record);
  return Buffer.concat([record, body, Buffer.alloc((RECORD - (body.length % RECORD)) % RECORD)]);
}

/** A PAX local header; values are latin1 strings. */
export function paxEntry(records: Readonly<Record<string, string>>): Buffer {
  const body = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return tarEntry({ name: 'PaxHeaders/x', type: 'x', body: body.join('') });
}

/** `length key=value\n`, where the length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length++;
  return `${length}${rest}`;
}

/** GNU long name (`L`) or long link target (`K`). */
export function gnuLong(type: 'L' | 'K', text: string): Buffer {
  return tarEntry({ name: '././@LongLink', type, body: `${text}\0`, magic: 'gnu' });
}

/** A whole archive with its end marker. */
export function tarArchive(...parts: readonly (TarEntry | Uint8Array)[]): Buffer {
  const members = parts.map((part) => (part instanceof Uint8Array ? part : tarEntry(part)));
  return Buffer.concat([...members, Buffer.alloc(2 * RECORD)]);
}

/** Computes a header's checksum again. */
export function writeChecksum(record: Buffer): void {
  record.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of record.subarray(0, RECORD)) sum += byte;
  record.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

export function writeBase256(record: Buffer, offset: number, length: number, value: bigint): void {
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) record[offset + i] = Number(rest & 0xffn);
  record[offset] = value < 0n ? 0xff : (record[offset] as number) | 0x80;
}

function writeOctal(record: Buffer, offset: number, length: number, value: number): void {
  record.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length, 'latin1');
}
