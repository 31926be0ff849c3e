import { decodeHuffman } from './huffman.ts';
import { type HeaderField, STATIC_TABLE } from './static-table.ts';

/** Size of the table that both sides begin with; no more is granted. */
const MAX_TABLE_BYTES = 4096;
/** What an entry costs beside its text (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD_BYTES = 32;
/** What a field costs of {@link HpackLimits.maxBytes} beside its text. */
const FIELD_OVERHEAD_BYTES = 4;

export interface HpackLimits {
  /** Names and values of a block together. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

/** Reads blocks of header fields of one connection, in their order (RFC 7541). */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  /** Newest first. */
  #table: HeaderField[] = [];
  #tableBytes = 0;
  #maxTableBytes = MAX_TABLE_BYTES;

  constructor(limits: HpackLimits) {
    this.#limits = limits;
  }

  /** @throws RangeError for a block that is malformed or too long; the connection cannot be read any further */
  decode(block: Buffer): HeaderField[] {
    const reader = new BlockReader(block);
    const fields: HeaderField[] = [];
    let bytes = 0;
    while (!reader.isAtEnd) {
      const field = this.#next(reader, fields.length === 0);
      if (field === null) continue;
      fields.push(field);
      bytes += field.name.length + field.value.length + FIELD_OVERHEAD_BYTES;
      if (fields.length > this.#limits.maxFields) throw new RangeError('too many fields');
      if (bytes > this.#limits.maxBytes) throw new RangeError('fields too long');
    }
    return fields;
  }

  /** Null for a change of the table's size, which comes before the fields. */
  #next(reader: BlockReader, isFirst: boolean): HeaderField | null {
    const byte = reader.peek();
    if ((byte & 0x80) !== 0) return this.#entry(reader.integer(7));
    if ((byte & 0xe0) === 0x20) {
      const size = reader.integer(5);
      if (!isFirst || size > MAX_TABLE_BYTES) throw new RangeError('size of the table');
      this.#maxTableBytes = size;
      this.#evict();
      return null;
    }
    const isIndexed = (byte & 0x40) !== 0;
    const index = reader.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? reader.text() : this.#entry(index).name;
    const field = { name, value: reader.text() };
    if (isIndexed) this.#insert(field);
    return field;
  }

  #entry(index: number): HeaderField {
    const entry =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table[index - STATIC_TABLE.length - 1];
    if (entry === undefined) throw new RangeError('no such entry');
    return entry;
  }

  #insert(field: HeaderField): void {
    this.#table.unshift(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#maxTableBytes) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#tableBytes -= sizeOf(oldest);
    }
  }
}

function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

/** Reads integers and strings; throws a RangeError beyond the end. */
class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  peek(): number {
    return this.#bytes.readUInt8(this.#at);
  }

  /** An integer whose first `prefixBits` bits are the low bits of this byte (RFC 7541 section 5.1). */
  integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError('an integer too long');
  }

  text(): string {
    const isHuffman = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a string beyond the end');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1');
  }

  #byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }
}
