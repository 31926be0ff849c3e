import { BlockedConnection, type SecretViolation } from './blocked.ts';
import { ChunkedReader, formatChunk, formatLastChunk } from './chunked-reader.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import {
  assertAuthority,
  type BodyFraming,
  canBeRequest,
  formatHead,
  framingOf,
  parseHead,
  type RequestHead,
  valuesOf,
} from './http1-head.ts';
import type { RequestFilter, RequestFilterOptions, RequestSummary } from './request-filter.ts';
import {
  basicCredentials,
  replaced,
  type Substitution,
  substituteInHead,
  substitutionOf,
} from './substitution.ts';
import { ViolationScanner } from './violation-scanner.ts';

/** Longest head, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Longest body that values are put into. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const HEAD_END = '\r\n\r\n';

type Mode =
  | { readonly kind: 'head' }
  | { readonly kind: 'length'; left: number; readonly isSealed: boolean }
  | {
      readonly kind: 'buffer';
      readonly head: RequestHead;
      readonly length: number;
      readonly body: GrowingBuffer;
    }
  | { readonly kind: 'chunked'; readonly reader: ChunkedReader; readonly isSealed: boolean }
  | { readonly kind: 'rewrite'; readonly reader: ChunkedReader; carry: string }
  /** No HTTP, or no longer: bytes pass, and placeholders do not. */
  | { readonly kind: 'opaque' };

/**
 * Puts values into the requests of a guest on their way to a server, and ends connections that would give a placeholder
 * away (spec: network 14.4). Only this direction is looked at; what servers say is never changed.
 *
 * Requests that servers could read in two ways are refused, so nothing is hidden from the checks behind a request that
 * looks harmless.
 */
export class Http1Filter implements RequestFilter {
  readonly protocol = 'http/1.1';
  readonly #hostName: string | null;
  readonly #substitutions: readonly Substitution[];
  readonly #inBody: readonly Substitution[];
  readonly #scanner: ViolationScanner;
  #held = Buffer.alloc(0);
  #mode: Mode = { kind: 'head' };
  #request: RequestSummary | null = null;
  #wantsUpgrade = false;

  constructor({ plan, hostName }: RequestFilterOptions) {
    this.#hostName = hostName;
    this.#substitutions = plan.substitute.map(substitutionOf);
    this.#inBody = this.#substitutions.filter(({ injection }) => injection.body);
    this.#scanner = new ViolationScanner(plan.forbid);
  }

  /** The request that was read last. */
  get request(): RequestSummary | null {
    return this.#request;
  }

  /** The last request asked for another protocol; should the server agree, tell by {@link upgraded}. */
  get wantsUpgrade(): boolean {
    return this.#wantsUpgrade;
  }

  /** The server answered 101: what follows is no HTTP. */
  upgraded(): void {
    this.#mode = { kind: 'opaque' };
  }

  /**
   * Takes what the guest sent. @returns what is to be sent on, which may be nothing yet
   *
   * @throws BlockedConnection
   */
  transform(chunk: Buffer): Buffer {
    const out: Buffer[] = [];
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = Buffer.alloc(0);
    while (rest.length > 0) {
      const before = rest;
      rest = this.#step(rest, out);
      // Nothing taken: the rest has to wait for more.
      if (rest === before) {
        this.#held = Buffer.from(rest);
        break;
      }
    }
    // Of a long body nearly every chunk stays as it came.
    const [only] = out;
    return only !== undefined && out.length === 1 ? only : Buffer.concat(out);
  }

  /** The guest sends nothing more. @returns what was held back @throws BlockedConnection for half a request */
  end(): Buffer {
    const { kind } = this.#mode;
    if (kind === 'buffer' || kind === 'rewrite')
      throw new BlockedConnection('request: it ends within its body');
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    if (held.length > 0 && !canBeRequest(held.toString('latin1'))) return held;
    if (held.toString('latin1').trim() !== '')
      throw new BlockedConnection('request: it ends within its head');
    return held;
  }

  /** Does what the mode says with the front of `bytes`. @returns what is left */
  #step(bytes: Buffer, out: Buffer[]): Buffer {
    const mode = this.#mode;
    switch (mode.kind) {
      case 'head':
        return this.#readHead(bytes, out);
      case 'length': {
        const data = bytes.subarray(0, mode.left);
        this.#passBody(data, mode.isSealed, out);
        mode.left -= data.length;
        if (mode.left === 0) this.#mode = { kind: 'head' };
        return bytes.subarray(data.length);
      }
      case 'buffer':
        return this.#readBuffered(mode, bytes, out);
      case 'chunked':
        return this.#passChunked(mode, bytes, out);
      case 'rewrite':
        return this.#rewriteChunked(mode, bytes, out);
      case 'opaque':
        if (!this.#scanner.isIdle) this.#scanner.scan(bytes.toString('latin1'), 'unknown');
        out.push(bytes);
        return bytes.subarray(bytes.length);
    }
  }

  #readHead(bytes: Buffer, out: Buffer[]): Buffer {
    const text = bytes.toString('latin1', 0, MAX_HEAD_BYTES + HEAD_END.length);
    // Servers skip empty lines before a request.
    const start = text.length - text.replace(/^(?:\r\n)+/, '').length;
    if (!canBeRequest(text.slice(start))) {
      this.#mode = { kind: 'opaque' };
      return this.#step(bytes, out);
    }
    const end = text.indexOf(HEAD_END, start);
    if (end === -1) {
      if (text.length >= MAX_HEAD_BYTES) throw new BlockedConnection('request: its head is too long');
      return bytes;
    }
    const head = parseHead(text.slice(start, end));
    if (this.#hostName !== null) assertAuthority(head, this.#hostName);
    this.#request = {
      method: head.method,
      path: head.target.replace(/\?.*$/s, ''),
      host: valuesOf(head, 'host')[0] ?? '',
    };
    this.#wantsUpgrade = valuesOf(head, 'upgrade').length > 0 || head.method === 'CONNECT';
    const framing = framingOf(head);
    this.#scanHead(head);
    this.#begin(substituteInHead(head, this.#substitutions), framing, out);
    return bytes.subarray(end + HEAD_END.length);
  }

  #scanHead(head: RequestHead): void {
    this.#scanner.reset();
    const mark = head.target.indexOf('?');
    if (mark !== -1) this.#scanner.scan(head.target.slice(mark), 'query');
    this.#scanner.scan(`${head.method} ${head.target}\r\n`, 'unknown');
    for (const header of head.headers) {
      this.#scanner.scan(`${header.line}\r\n`, 'header');
      const credentials = basicCredentials(header);
      if (credentials !== null) {
        this.#scanner.scanDecoded(credentials, 'authorization_basic', 'basic_auth_decoded');
      }
    }
  }

  /** Sends the head on, unless its length depends on the body, and prepares for the body. */
  #begin(head: RequestHead, framing: BodyFraming, out: Buffer[]): void {
    const coding = valuesOf(head, 'content-encoding').filter((value) => value.toLowerCase() !== 'identity');
    const wantsRewrite = this.#inBody.length > 0;
    const isSealed = wantsRewrite && coding.length > 0;
    if (framing.kind === 'length' && framing.length > 0 && wantsRewrite && !isSealed) {
      if (framing.length > MAX_BODY_BYTES) throw new BlockedConnection('request: its body is too long');
      this.#mode = { kind: 'buffer', head, length: framing.length, body: new GrowingBuffer() };
      return;
    }
    out.push(formatHead(head));
    if (framing.kind === 'chunked') {
      const reader = new ChunkedReader();
      this.#mode =
        wantsRewrite && !isSealed
          ? { kind: 'rewrite', reader, carry: '' }
          : { kind: 'chunked', reader, isSealed };
    } else if (framing.kind === 'length' && framing.length > 0) {
      this.#mode = { kind: 'length', left: framing.length, isSealed };
    } else {
      this.#mode = { kind: 'head' };
    }
  }

  /** Bytes of a body that passes as it is. */
  #passBody(data: Buffer, isSealed: boolean, out: Buffer[]): void {
    this.#scanBody(data, isSealed);
    out.push(data);
  }

  #scanBody(data: Buffer, isSealed: boolean): void {
    if (this.#scanner.isIdle && !isSealed) return;
    const text = data.toString('latin1');
    this.#scanner.scan(text, 'body');
    // A placeholder that should have been replaced in a body that cannot be changed.
    const missed = isSealed ? this.#inBody.find(({ placeholder }) => text.includes(placeholder)) : undefined;
    if (missed !== undefined) throw new BlockedConnection('request: a placeholder in an encoded body');
  }

  #readBuffered(mode: Extract<Mode, { kind: 'buffer' }>, bytes: Buffer, out: Buffer[]): Buffer {
    const data = bytes.subarray(0, mode.length - mode.body.length);
    this.#scanBody(data, false);
    mode.body.append(data);
    if (mode.body.length < mode.length) return bytes.subarray(data.length);
    let text = mode.body.take().toString('latin1');
    for (const substitution of this.#inBody) text = replaced(text, substitution);
    const body = Buffer.from(text, 'latin1');
    out.push(formatHead(withLength(mode.head, body.length)), body);
    this.#mode = { kind: 'head' };
    return bytes.subarray(data.length);
  }

  /** A chunked body that passes as it is; its bytes are looked at without their frames. */
  #passChunked(mode: Extract<Mode, { kind: 'chunked' }>, bytes: Buffer, out: Buffer[]): Buffer {
    const { pieces, rest } = mode.reader.read(bytes);
    for (const piece of pieces) {
      if (piece.kind === 'data') {
        this.#scanBody(piece.data, mode.isSealed);
        out.push(formatChunk(piece.data));
      } else {
        this.#endChunked(piece.trailers, out);
      }
    }
    return rest;
  }

  #rewriteChunked(mode: Extract<Mode, { kind: 'rewrite' }>, bytes: Buffer, out: Buffer[]): Buffer {
    const { pieces, rest } = mode.reader.read(bytes);
    for (const piece of pieces) {
      if (piece.kind === 'data') {
        this.#scanBody(piece.data, false);
        let text = mode.carry + piece.data.toString('latin1');
        for (const substitution of this.#inBody) text = replaced(text, substitution);
        const kept = partialPlaceholder(text, this.#inBody);
        mode.carry = text.slice(text.length - kept);
        out.push(formatChunk(Buffer.from(text.slice(0, text.length - kept), 'latin1')));
      } else {
        out.push(formatChunk(Buffer.from(mode.carry, 'latin1')));
        this.#endChunked(piece.trailers, out);
      }
    }
    return rest;
  }

  #endChunked(trailers: readonly string[], out: Buffer[]): void {
    for (const line of trailers)
      this.#scanner.scan(`${line}\r\n`, 'header' satisfies SecretViolation['location']);
    out.push(formatLastChunk(trailers));
    this.#mode = { kind: 'head' };
  }
}

/** How much of the end of a text may be the beginning of a placeholder. */
function partialPlaceholder(text: string, substitutions: readonly Substitution[]): number {
  let longest = 0;
  for (const { placeholder } of substitutions) {
    for (let length = Math.min(placeholder.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(placeholder.slice(0, length))) longest = length;
    }
  }
  return longest;
}

function withLength(head: RequestHead, length: number): RequestHead {
  const headers = head.headers.map((header) =>
    header.name === 'content-length'
      ? { ...header, value: String(length), line: `Content-Length: ${length}` }
      : header,
  );
  return { ...head, headers };
}
