import type { Duplex } from 'node:stream';
import type { RequestFilter, RequestSummary } from '../secrets/request-filter.ts';
import { pump } from './pump.ts';

/** Start of a response that tells whether its server agreed to another protocol: `HTTP/1.1 101`. */
const STATUS_BYTES = 12;

/**
 * Carries a connection both ways until both have ended, each half by itself.
 *
 * @throws Error when either side breaks
 */
export async function relay(guest: Duplex, server: Duplex): Promise<void> {
  await Promise.all([pump(guest, server), pump(server, guest)]);
}

/**
 * Carries requests through a filter, and responses as they are.
 *
 * @throws BlockedConnection for what the filter refuses
 */
export async function relayRequests(guest: Duplex, server: Duplex, filter: RequestFilter): Promise<void> {
  const watch = new UpgradeWatch(filter);
  await Promise.all([
    pump(
      guest,
      server,
      (chunk) => watch.request(chunk),
      () => filter.end(),
    ),
    pump(server, guest, (chunk) => watch.response(chunk)),
  ]);
}

/** Tells a filter when a server agrees to leave HTTP. */
export class UpgradeWatch {
  readonly #filter: RequestFilter;
  #asked: RequestSummary | null = null;
  #status = '';

  constructor(filter: RequestFilter) {
    this.#filter = filter;
  }

  request(chunk: Buffer): Buffer {
    const out = this.#filter.transform(chunk);
    if (this.#asked !== this.#filter.request) {
      this.#asked = this.#filter.request;
      this.#status = '';
    }
    return out;
  }

  response(chunk: Buffer): Buffer {
    if (this.#filter.wantsUpgrade && this.#status.length < STATUS_BYTES) {
      this.#status += chunk.toString('latin1', 0, STATUS_BYTES - this.#status.length);
      const agreement = this.#asked?.method === 'CONNECT' ? /^HTTP\/1\.\d 2\d\d$/ : /^HTTP\/1\.\d 101$/;
      if (agreement.test(this.#status)) this.#filter.upgraded();
    }
    return chunk;
  }
}
