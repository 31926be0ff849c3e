import { BlockedConnection } from '../blocked.ts';
import type { RequestFilter, RequestFilterOptions, RequestSummary } from '../request-filter.ts';
import { type Substitution, substitutionOf } from '../substitution.ts';
import { ViolationScanner } from '../violation-scanner.ts';
import { encodeHpack } from './encode-hpack.ts';
import { assertFields, scanFields, substituteInFields } from './field-section.ts';
import { bareContent, FLAG, FRAME, type Frame, FrameReader, formatFrame } from './frames.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import type { HeaderField } from './static-table.ts';

/** Longest block of header fields, as it comes and decoded. */
const MAX_BLOCK_BYTES = 64 * 1024;
const MAX_FIELDS = 1024;
/** Streams on which the guest has not ended its request. */
const MAX_OPEN_STREAMS = 1024;
/** Frames that every peer takes (RFC 9113 section 4.2). */
const MAX_FRAME_BYTES = 16_384;

/** A block of header fields that comes in several frames. */
interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly fragments: Buffer[];
}

/** The body of a request on a stream. */
interface OpenStream {
  readonly scanner: ViolationScanner;
  /** End of the body so far, in which a placeholder may begin. */
  tail: string;
}

/**
 * The same as `Http1Filter` for HTTP/2 (spec: network 14.6). Blocks of header fields are decoded and encoded anew;
 * bodies and all other frames pass as they are.
 */
export class Http2Filter implements RequestFilter {
  readonly protocol = 'http/2';
  readonly wantsUpgrade = false;
  readonly #options: RequestFilterOptions;
  readonly #substitutions: readonly Substitution[];
  readonly #inBody: readonly string[];
  readonly #tailLength: number;
  readonly #scanner: ViolationScanner;
  readonly #frames = new FrameReader();
  readonly #decoder = new HpackDecoder({ maxBytes: MAX_BLOCK_BYTES, maxFields: MAX_FIELDS });
  readonly #streams = new Map<number, OpenStream>();
  #lastStreamId = 0;
  #block: OpenBlock | null = null;
  #request: RequestSummary | null = null;

  constructor(options: RequestFilterOptions) {
    this.#options = options;
    this.#substitutions = options.plan.substitute.map(substitutionOf);
    this.#inBody = this.#substitutions
      .filter(({ injection }) => injection.body)
      .map(({ placeholder }) => placeholder);
    this.#tailLength = Math.max(0, ...this.#inBody.map(({ length }) => length - 1));
    this.#scanner = new ViolationScanner(options.plan.forbid);
  }

  get request(): RequestSummary | null {
    return this.#request;
  }

  upgraded(): void {}

  transform(chunk: Buffer): Buffer {
    return Buffer.concat(this.#frames.read(chunk).flatMap((frame) => this.#take(frame)));
  }

  end(): Buffer {
    if (this.#frames.pending > 0 || this.#block !== null) {
      throw new BlockedConnection('request: it ends within a frame');
    }
    return Buffer.alloc(0);
  }

  #take(frame: Frame): Buffer[] {
    const { type, streamId } = frame;
    if (this.#block !== null && (type !== FRAME.continuation || streamId !== this.#block.streamId)) {
      throw new BlockedConnection('request: a frame within header fields');
    }
    switch (type) {
      case FRAME.headers:
        return this.#begin(frame);
      case FRAME.continuation:
        return this.#continue(frame);
      case FRAME.data:
        this.#inspectBody(frame);
        return [frame.bytes];
      case FRAME.rstStream:
        this.#streams.delete(streamId);
        return [frame.bytes];
      case FRAME.pushPromise:
        throw new BlockedConnection('request: a client that pushes');
      default:
        return [frame.bytes];
    }
  }

  #begin(frame: Frame): Buffer[] {
    const block: OpenBlock = {
      streamId: frame.streamId,
      endStream: (frame.flags & FLAG.endStream) !== 0,
      fragments: [bareContent(frame)],
    };
    return this.#proceed(block, frame);
  }

  #continue(frame: Frame): Buffer[] {
    const block = this.#block;
    if (block === null) throw new BlockedConnection('request: a continuation of nothing');
    block.fragments.push(Buffer.from(frame.payload));
    return this.#proceed(block, frame);
  }

  #proceed(block: OpenBlock, { flags }: Frame): Buffer[] {
    const length = block.fragments.reduce((sum, fragment) => sum + fragment.length, 0);
    // Empty fragments cost memory too.
    if (length > MAX_BLOCK_BYTES || block.fragments.length > MAX_FIELDS) {
      throw new BlockedConnection('request: its header fields are too long');
    }
    const isWhole = (flags & FLAG.endHeaders) !== 0;
    this.#block = isWhole ? null : block;
    return isWhole ? this.#finish(block) : [];
  }

  #finish({ streamId, endStream, fragments }: OpenBlock): Buffer[] {
    const fields = this.#decode(Buffer.concat(fragments));
    const isTrailer = this.#streams.has(streamId);
    if (isTrailer && !endStream) throw new BlockedConnection('request: header fields within a body');
    if (!isTrailer) this.#open(streamId, fields);
    assertFields(fields, { hostName: this.#options.hostName, isTrailer });
    scanFields(fields, this.#scanner);
    if (endStream) this.#streams.delete(streamId);
    return formatHeaders(streamId, endStream, substituteInFields(fields, this.#substitutions));
  }

  #decode(block: Buffer): HeaderField[] {
    try {
      return this.#decoder.decode(block);
    } catch (error) {
      throw new BlockedConnection(`request: header fields: ${(error as Error).message}`);
    }
  }

  #open(streamId: number, fields: readonly HeaderField[]): void {
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId) {
      throw new BlockedConnection('request: a stream of another number');
    }
    if (this.#streams.size >= MAX_OPEN_STREAMS) throw new BlockedConnection('request: too many streams');
    this.#lastStreamId = streamId;
    this.#streams.set(streamId, { scanner: new ViolationScanner(this.#options.plan.forbid), tail: '' });
    const fieldOf = (wanted: string): string => fields.find(({ name }) => name === wanted)?.value ?? '';
    this.#request = {
      method: fieldOf(':method'),
      path: fieldOf(':path').replace(/\?.*$/s, ''),
      host: fieldOf(':authority'),
      streamId,
    };
  }

  #inspectBody(frame: Frame): void {
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) throw new BlockedConnection('request: a body without a request');
    const content = bareContent(frame);
    if (this.#inBody.length > 0 || !stream.scanner.isIdle) {
      const text = content.toString('latin1');
      stream.scanner.scan(text, 'body');
      const window = stream.tail + text;
      if (this.#inBody.some((placeholder) => window.includes(placeholder))) {
        throw new BlockedConnection('request: a placeholder in a body of HTTP/2');
      }
      stream.tail = this.#tailLength > 0 ? window.slice(-this.#tailLength) : '';
    }
    if ((frame.flags & FLAG.endStream) !== 0) this.#streams.delete(frame.streamId);
  }
}

/** HEADERS, and as many CONTINUATION as it takes. */
function formatHeaders(streamId: number, endStream: boolean, fields: readonly HeaderField[]): Buffer[] {
  const block = encodeHpack(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const isLast = at + MAX_FRAME_BYTES >= block.length;
    const flags = (isLast ? FLAG.endHeaders : 0) | (at === 0 && endStream ? FLAG.endStream : 0);
    const type = at === 0 ? FRAME.headers : FRAME.continuation;
    frames.push(formatFrame(type, flags, streamId, block.subarray(at, at + MAX_FRAME_BYTES)));
  }
  return frames;
}
