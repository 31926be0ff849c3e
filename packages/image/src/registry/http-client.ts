import type { Readable } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import { connectionFailure } from './connection-failure.ts';
import { type HostTls, hostSecureContext } from './host-tls.ts';
import { RegistryFailure } from './registry-failure.ts';

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
/** A body that is longer, or takes longer, is cut off with its connection. */
const DISCARDED_BYTES = 16 * 1024;
const DISCARDING_MS = 2000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface HttpClientOptions {
  /** PEM of certificates to trust besides the usual ones. */
  readonly caCerts?: readonly Buffer[];
  /** Hosts (`host` or `host:port`) with TLS settings of their own. */
  readonly hosts?: Readonly<Record<string, HostTls>>;
  /** Where `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are looked for; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
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
  /** By host for those with TLS settings of their own; all others share one. */
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();

  /** @throws {InvalidConfigError} when a certificate or key cannot be used. */
  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    for (const host of ['', ...Object.keys(options.hosts ?? {})]) this.#secureContext(host);
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
    for (const dispatcher of this.#dispatchers.values()) await (await dispatcher).destroy();
  }

  async #send(url: URL, request: HttpRequest): Promise<HttpResponse> {
    const { signal, authorization } = request;
    signal?.throwIfAborted();
    const dispatcher = await this.#dispatcherFor(url.host);
    const headers: Record<string, string> = { 'user-agent': this.#options.userAgent, ...request.headers };
    if (authorization !== undefined && url.origin === request.url.origin)
      headers['authorization'] = authorization;
    const late = this.#deadline();
    try {
      const answer = await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers,
        headersTimeout: this.#timeouts.headersMs,
        bodyTimeout: this.#timeouts.bodyMs,
        highWaterMark: 128 * 1024,
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
      });
      return {
        url,
        status: answer.statusCode,
        header: (name) => [answer.headers[name]].flat()[0],
        body: answer.body,
        discard: () => discard(answer.body),
      };
    } catch (cause) {
      signal?.throwIfAborted();
      throw connectionFailure(url, cause);
    } finally {
      late.clear();
    }
  }

  /** Bounds the wait for an answer as a whole: the library's own time-out begins anew with each interim answer. */
  #deadline(): { readonly signal: AbortSignal; clear(): void } {
    const { connectMs, headersMs } = this.#timeouts;
    const controller = new AbortController();
    const late = Object.assign(new Error('no answer in time'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    const timer = setTimeout(() => controller.abort(late), connectMs + headersMs);
    return { signal: controller.signal, clear: () => clearTimeout(timer) };
  }

  #dispatcherFor(host: string): Promise<Dispatcher> {
    const key = this.#hasOwnTls(host) ? host : '';
    let dispatcher = this.#dispatchers.get(key);
    if (dispatcher === undefined) {
      dispatcher = this.#connect(key);
      this.#dispatchers.set(key, dispatcher);
    }
    return dispatcher;
  }

  /** Loads the HTTP library with the first request, because most commands send none. */
  async #connect(host: string): Promise<Dispatcher> {
    const { Agent, EnvHttpProxyAgent } = await import('undici');
    const secureContext = this.#secureContext(host);
    const tls = secureContext === undefined ? {} : { secureContext };
    const options = {
      connect: { timeout: this.#timeouts.connectMs, ...tls },
      allowH2: false,
      keepAliveTimeout: 10_000,
    };
    const proxies = proxiesOf(this.#options.env ?? process.env);
    if (proxies === null) return new Agent(options);
    // Proxies take plain HTTP as it is; many make tunnels to port 443 only.
    return new EnvHttpProxyAgent({
      ...options,
      ...proxies,
      proxyTunnel: false,
      requestTls: tls,
      proxyTls: tls,
    });
  }

  #secureContext(host: string): SecureContext | undefined {
    const { caCerts = [], hosts = {} } = this.#options;
    return hostSecureContext(host, caCerts, this.#hasOwnTls(host) ? hosts[host] : undefined);
  }

  #hasOwnTls(host: string): boolean {
    return Object.hasOwn(this.#options.hosts ?? {}, host);
  }
}

async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  const signal = AbortSignal.timeout(DISCARDING_MS);
  await body.dump({ limit: DISCARDED_BYTES, signal }).catch(() => undefined);
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

/** The proxies that the environment names, lower case first, as curl has it; null when it names none. */
function proxiesOf(
  env: NodeJS.ProcessEnv,
): { readonly httpProxy: string; readonly httpsProxy: string; readonly noProxy: string } | null {
  const value = (name: string): string => env[name] || env[name.toUpperCase()] || '';
  const httpProxy = value('http_proxy');
  const httpsProxy = value('https_proxy');
  return httpProxy === '' && httpsProxy === '' ? null : { httpProxy, httpsProxy, noProxy: value('no_proxy') };
}
