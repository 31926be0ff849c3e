import { ImageError } from '@microsandbox/types';
import { ExtensionHeaders } from './extension-headers.ts';
import { GnuSparseHeader } from './sparse/gnu-sparse-header.ts';
import { maxStretches } from './sparse/sparse-map.ts';
import { decodeTarHeader, RECORD_BYTES, type TarHeader } from './tar-header.ts';
import type { TarMember } from './tar-member.ts';

/** Takes what a {@link TarScanner} finds. */
export interface TarSink {
  /** A member begins. True when its body is wanted. */
  member(member: TarMember): boolean;
  /** The next bytes of a wanted body; the view is only good during the call. */
  body(bytes: Uint8Array): void;
}

export interface TarScannerLimits {
  /** Body of one extension header, bytes. */
  readonly extensionBytes: number;
  /** The whole archive, bytes. */
  readonly streamBytes: number;
}

type Step = 'header' | 'body' | 'skip' | 'extension' | 'ended';

/**
 * Finds members in a tar archive that comes in pieces cut anywhere. Everything is synchronous: the sink decides
 * where bodies go, the caller when to wait.
 */
export class TarScanner {
  readonly #sink: TarSink;
  readonly #limits: TarScannerLimits;
  readonly #extensions = new ExtensionHeaders();
  readonly #record = Buffer.allocUnsafe(RECORD_BYTES);
  /** Bytes of the record, or of the extension body, that are there. */
  #filled = 0;
  #extension: { readonly type: string; readonly body: Buffer } | undefined;
  #sparse: { readonly header: TarHeader; readonly map: GnuSparseHeader } | undefined;
  #step: Step = 'header';
  /** Bytes of body, and of padding after it, that are still to come. */
  #bodyLeft = 0;
  #paddingLeft = 0;
  #streamBytes = 0;

  constructor(sink: TarSink, limits: TarScannerLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Takes the next bytes of the archive. */
  push(chunk: Uint8Array): void {
    this.#streamBytes += chunk.length;
    if (this.#streamBytes > this.#limits.streamBytes) throw new ImageError('archive too large');
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length && this.#step !== 'ended') {
      at = this.#step === 'header' ? this.#takeHeader(bytes, at) : this.#takeBody(bytes, at);
    }
  }

  /** To be called when no more bytes come. An archive may end without an end marker, but not inside a member. */
  end(): void {
    const inHeader = this.#step === 'header' && (this.#filled > 0 || this.#sparse !== undefined);
    if (inHeader) throw new ImageError('failed to read entire block');
    if (this.#bodyLeft > 0) throw new ImageError('unexpected EOF while reading archive entry data');
    this.#extensions.assertNoneLeft();
  }

  #takeHeader(bytes: Buffer, start: number): number {
    let at = start;
    if (this.#filled === 0) {
      const padding = Math.min(this.#paddingLeft, bytes.length - at);
      this.#paddingLeft -= padding;
      at += padding;
      if (this.#paddingLeft === 0 && bytes.length - at >= RECORD_BYTES) {
        this.#header(bytes.subarray(at, at + RECORD_BYTES));
        return at + RECORD_BYTES;
      }
    }
    const count = bytes.copy(
      this.#record,
      this.#filled,
      at,
      Math.min(bytes.length, at + RECORD_BYTES - this.#filled),
    );
    this.#filled += count;
    if (this.#filled === RECORD_BYTES) {
      this.#filled = 0;
      this.#header(this.#record);
    }
    return at + count;
  }

  #takeBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#bodyLeft);
    if (this.#step === 'body') this.#sink.body(bytes.subarray(at, end));
    else if (this.#extension !== undefined)
      this.#filled += bytes.copy(this.#extension.body, this.#filled, at, end);
    this.#bodyLeft -= end - at;
    if (this.#bodyLeft === 0) this.#bodyDone();
    return end;
  }

  #header(record: Buffer): void {
    if (this.#sparse !== undefined) {
      this.#sparse.map.addRecord(record);
      this.#sparseHeader(this.#sparse.header, this.#sparse.map);
      return;
    }
    // One record of zeros ends the archive, as in upstream's reader; POSIX asks writers for two.
    if (record[0] === 0 && isZero(record)) {
      this.#extensions.assertNoneLeft();
      this.#step = 'ended';
      return;
    }
    const header = decodeTarHeader(record);
    if (ExtensionHeaders.isExtension(header.type)) this.#beginExtension(header);
    else if (header.type === 'g') this.#beginBody('skip', header.size);
    else if (header.type === 'S') {
      this.#sparseHeader(header, new GnuSparseHeader(record, maxStretches(this.#limits)));
    } else this.#beginMember(this.#extensions.apply(header, null));
  }

  /** The map of an old GNU sparse member may go on in the records between header and body. */
  #sparseHeader(header: TarHeader, map: GnuSparseHeader): void {
    this.#sparse = map.isExtended ? { header, map } : undefined;
    if (this.#sparse === undefined) this.#beginMember(this.#extensions.apply(header, map.file));
  }

  #beginMember(member: TarMember): void {
    const wanted = this.#sink.member(member);
    if (wanted) this.#beginBody('body', member.size);
    // Links, devices, directories and pipes have no body, whatever their size field says (POSIX; Go's reader).
    else this.#beginBody('skip', /[1-6]/.test(member.type) ? 0 : member.size);
  }

  #beginExtension({ type, size }: TarHeader): void {
    if (size > this.#limits.extensionBytes) throw new ImageError('extension header too large');
    this.#extension = { type, body: Buffer.allocUnsafe(size) };
    this.#filled = 0;
    this.#beginBody('extension', size);
  }

  #beginBody(step: Step, size: number): void {
    this.#step = step;
    this.#bodyLeft = size;
    this.#paddingLeft = (RECORD_BYTES - (size % RECORD_BYTES)) % RECORD_BYTES;
    if (size === 0) this.#bodyDone();
  }

  #bodyDone(): void {
    const { type, body } = this.#extension ?? {};
    this.#extension = undefined;
    this.#filled = 0;
    if (type !== undefined && body !== undefined) this.#extensions.add(type, body);
    this.#step = 'header';
  }
}

function isZero(record: Buffer): boolean {
  for (let i = 0; i < RECORD_BYTES; i++) if (record[i] !== 0) return false;
  return true;
}
