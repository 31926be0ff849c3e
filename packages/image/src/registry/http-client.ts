import type { Readable } from 'node:stream';
import { createSecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import { connectionFailure } from './connection-failure.ts';
import { RegistryFailure } from './registry-failure.ts';
import { trustedRoots } from './trusted-roots.ts';

/** How long to wait for a server, milliseconds. */
export interface HttpTimeouts {
  readonly connectMs: number;
  /** From the request to the end of the answer's headers. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { connectMs: 15_000, headersMs: 60_000, bodyMs: 60_000 };

const MAX_REDIRECTS = 5;
/** A longer body is cut off with its connection. */
const DISCARDED_BYTES = 16 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface HttpClientOptions {
  /** PEM of certificates to trust besides the usual ones. */
  readonly caCerts?: readonly Buffer[];
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly userAgent: string;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Value of `Authorization`; sent to the origin of {@link url} only, wherever redirects lead. */
  readonly authorization?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  header(name: string): string | undefined;
  /** Must be read to its end, destroyed, or given to {@link discard}. */
  readonly body: Readable;
  /** Lets go of a body that nobody reads; a short one is read, so that its connection can be used again. */
  discard(): Promise<void>;
}

/** GET requests with time-outs and redirects. Connections are kept until the client is disposed. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions;
  readonly #timeouts: HttpTimeouts;
  #dispatcher: Promise<Dispatcher> | undefined;

  /** @throws {InvalidConfigError} when a certificate cannot be read. */
  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    trustedRoots(options.caCerts ?? []);
  }

  /** Sends a request; an answer of any status but a redirect is a success. */
  async get(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(url, request);
      if (!REDIRECTS.has(response.status)) return response;
      await response.discard();
      if (redirects === MAX_REDIRECTS) {
        throw new RegistryFailure('image', `${request.url.host} redirects more than ${MAX_REDIRECTS} times`);
      }
      url = redirectTarget(url, response.header('location'));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dispatcher = await this.#dispatcher;
    await dispatcher?.destroy();
  }

  async #send(url: URL, request: HttpRequest): Promise<HttpResponse> {
    const { signal, authorization } = request;
    signal?.throwIfAborted();
    this.#dispatcher ??= this.#connect();
    const dispatcher = await this.#dispatcher;
    const headers: Record<string, string> = { 'user-agent': this.#options.userAgent, ...request.headers };
    if (authorization !== undefined && url.origin === request.url.origin)
      headers['authorization'] = authorization;
    try {
      const answer = await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers,
        headersTimeout: this.#timeouts.headersMs,
        bodyTimeout: this.#timeouts.bodyMs,
        highWaterMark: 1024 * 1024,
        ...(signal === undefined ? {} : { signal }),
      });
      return {
        url,
        status: answer.statusCode,
        header: (name) => [answer.headers[name]].flat()[0],
        body: answer.body,
        discard: () => answer.body.dump({ limit: DISCARDED_BYTES }).catch(() => undefined),
      };
    } catch (cause) {
      signal?.throwIfAborted();
      throw connectionFailure(url, cause);
    }
  }

  /** Loads the HTTP library with the first request, because most commands send none. */
  async #connect(): Promise<Dispatcher> {
    const { Agent, EnvHttpProxyAgent } = await import('undici');
    const ca = trustedRoots(this.#options.caCerts ?? []);
    const tls = ca === undefined ? {} : { secureContext: createSecureContext({ ca }) };
    const options = {
      connect: { timeout: this.#timeouts.connectMs, ...tls },
      allowH2: false,
      keepAliveTimeout: 10_000,
    };
    return usesProxy() ? new EnvHttpProxyAgent({ ...options, requestTls: tls }) : new Agent(options);
  }
}

function redirectTarget(from: URL, location: string | undefined): URL {
  const target =
    location === undefined || !URL.canParse(location, from.href) ? undefined : new URL(location, from);
  if (target === undefined || !/^https?:$/.test(target.protocol)) {
    throw new RegistryFailure('image', `${from.host} redirects to no usable address`);
  }
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw new RegistryFailure('image', `${from.host} redirects from HTTPS to plain HTTP at ${target.host}`);
  }
  // Credentials in an address would be sent to it.
  target.username = target.password = '';
  return target;
}

function usesProxy(): boolean {
  return ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => process.env[name]);
}
