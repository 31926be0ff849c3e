import { Http1Filter } from './http1-filter.ts';
import { Http2Filter } from './http2/http2-filter.ts';
import type { RequestFilter, RequestFilterOptions, RequestSummary } from './request-filter.ts';

/** First bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** The filter of the protocol that a connection begins with (spec: network 14.5). */
export class ConnectionFilter implements RequestFilter {
  readonly #options: RequestFilterOptions;
  #filter: RequestFilter | null = null;
  /** The beginning, as long as it may become either. */
  #held = Buffer.alloc(0);

  constructor(options: RequestFilterOptions) {
    this.#options = options;
  }

  get protocol(): RequestFilter['protocol'] {
    return this.#filter?.protocol ?? 'http/1.1';
  }

  get request(): RequestSummary | null {
    return this.#filter?.request ?? null;
  }

  get wantsUpgrade(): boolean {
    return this.#filter?.wantsUpgrade ?? false;
  }

  upgraded(): void {
    this.#filter?.upgraded();
  }

  transform(chunk: Buffer): Buffer {
    if (this.#filter !== null) return this.#filter.transform(chunk);
    const bytes = Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    if (bytes.length < PREFACE.length && PREFACE.subarray(0, bytes.length).equals(bytes)) {
      this.#held = bytes;
      return Buffer.alloc(0);
    }
    if (!bytes.subarray(0, PREFACE.length).equals(PREFACE)) {
      this.#filter = new Http1Filter(this.#options);
      return this.#filter.transform(bytes);
    }
    this.#filter = new Http2Filter(this.#options);
    const frames = this.#filter.transform(bytes.subarray(PREFACE.length));
    return Buffer.concat([PREFACE, frames]);
  }

  end(): Buffer {
    this.#filter ??= new Http1Filter(this.#options);
    return Buffer.concat([this.#filter.transform(this.#held), this.#filter.end()]);
  }
}
