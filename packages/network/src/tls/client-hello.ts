/** What the first bytes of a TLS connection say about the server's name. */
export type HelloName =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** No ClientHello, or one that cannot be read. */
  | { readonly kind: 'other' }
  /** Null when the client named no server. */
  | { readonly kind: 'name'; readonly name: string | null };

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const TYPE_HANDSHAKE = 22;
const TYPE_CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const NAME_TYPE_HOST = 0;
/** Legacy version and random. */
const HELLO_FIXED_BYTES = 34;

/**
 * The server name in a ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), lower case without a dot at the end.
 * Only the first record is looked at.
 */
export function readHelloName(bytes: Buffer): HelloName {
  const [type, major] = bytes;
  if (type !== undefined && type !== TYPE_HANDSHAKE) return { kind: 'other' };
  if (major !== undefined && major !== 3) return { kind: 'other' };
  if (bytes.length < RECORD_HEADER_BYTES) return { kind: 'incomplete' };
  const end = RECORD_HEADER_BYTES + bytes.readUInt16BE(3);
  if (bytes.length < end) return { kind: 'incomplete' };
  try {
    return { kind: 'name', name: nameIn(bytes.subarray(RECORD_HEADER_BYTES, end)) };
  } catch {
    // A read beyond the end, or what is no ClientHello.
    return { kind: 'other' };
  }
}

/** @throws RangeError */
function nameIn(record: Buffer): string | null {
  if (record.readUInt8(0) !== TYPE_CLIENT_HELLO) throw new RangeError('another message');
  const hello = new FieldReader(record.subarray(HANDSHAKE_HEADER_BYTES)).take(record.readUIntBE(1, 3));
  const fields = new FieldReader(hello);
  fields.take(HELLO_FIXED_BYTES);
  fields.vector(1);
  fields.vector(2);
  fields.vector(1);
  const extensions = new FieldReader(fields.vector(2));
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (type === EXTENSION_SERVER_NAME) return hostName(new FieldReader(new FieldReader(body).vector(2)));
  }
  return null;
}

function hostName(names: FieldReader): string | null {
  while (names.left > 0) {
    const type = names.number(1);
    const name = names.vector(2).toString('latin1');
    if (type === NAME_TYPE_HOST) return name.toLowerCase().replace(/\.$/, '');
  }
  return null;
}

/** Reads fields of a TLS structure; throws a RangeError beyond the end. */
class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new RangeError('beyond the end');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(width: 1 | 2): number {
    return this.take(width).readUIntBE(0, width);
  }

  /** Bytes after their length. */
  vector(lengthWidth: 1 | 2): Buffer {
    return this.take(this.number(lengthWidth));
  }
}
