import { createHash } from 'node:crypto';
import { MicrosandboxError } from '@microsandbox/types';
import { type ImageDigest, parseCheckableDigest } from '../reference/image-digest.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { parseAuthChallenges } from './auth-challenge.ts';
import { type Authorization, fetchBearerToken } from './bearer-token.ts';
import { assertBlobRange } from './blob-range.ts';
import { bodyChunks, DEFAULT_SPEED_FLOOR, type SpeedFloor, TooSlowError } from './body-chunks.ts';
import { connectionFailure } from './connection-failure.ts';
import { basicAuthorization, type RegistryCredentials } from './credentials.ts';
import type { HostTls } from './host-tls.ts';
import { HttpClient, type HttpResponse, type HttpTimeouts } from './http-client.ts';
import { MANIFEST_BYTES, MANIFEST_MEDIA_TYPES } from './media-types.ts';
import { readDocument } from './read-document.ts';
import type { BlobRequest, FetchedManifest, Registry } from './registry.ts';
import { RegistryFailure } from './registry-failure.ts';
import { statusFailure } from './status-failure.ts';
import { withRetries } from './with-retries.ts';

export interface HttpRegistryOptions {
  /** Hosts (`host` or `host:port`, as contacted) to speak plain HTTP with. */
  readonly insecureHosts?: readonly string[];
  /** PEM of certificates to trust besides the usual ones. */
  readonly caCerts?: readonly Buffer[];
  /** Hosts, as contacted, with TLS settings of their own. */
  readonly hosts?: Readonly<Record<string, HostTls>>;
  /** Where proxies are looked for; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Further tries for a manifest after failures that may pass. */
  readonly maxRetries?: number;
  /** Credentials for the registry of the images that are asked for; without them access is anonymous. */
  readonly auth?: RegistryCredentials;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Slowest acceptable download. */
  readonly speedFloor?: SpeedFloor;
}

interface Request {
  readonly reference: ImageReference;
  /** Below `/v2/{repository}/`. */
  readonly path: string;
  /** What is asked for, for messages. */
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** Images of a registry server. Source: OCI distribution specification 1.1, pull. */
export class HttpRegistry implements Registry {
  readonly isLocal = false;
  readonly #options: HttpRegistryOptions;
  readonly #http: HttpClient;
  /** By host and repository. */
  readonly #authorizations = new Map<string, Authorization>();

  /** @throws {InvalidConfigError} when a certificate or key cannot be used. */
  constructor(options: HttpRegistryOptions = {}) {
    this.#options = options;
    this.#http = new HttpClient({
      userAgent: 'microsandbox',
      ...(options.caCerts === undefined ? {} : { caCerts: options.caCerts }),
      ...(options.hosts && { hosts: options.hosts }),
      ...(options.env && { env: options.env }),
      ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
    });
  }

  async manifest(
    reference: ImageReference,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<FetchedManifest> {
    return withRetries(
      async () => {
        const response = await this.#get({
          reference,
          path: `manifests/${reference.digest ?? reference.tag}`,
          what: reference.canonical,
          headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
          signal,
        });
        const bytes = await readDocument(response, { limitBytes: MANIFEST_BYTES, what: 'manifest', signal });
        const mediaType = response.header('content-type')?.split(';')[0]?.trim();
        return { bytes, digest: checkManifestDigest(bytes, reference, response), mediaType };
      },
      signal,
      this.#options.maxRetries,
    );
  }

  async *blob(request: BlobRequest): AsyncGenerator<Buffer, void, void> {
    const { signal } = request;
    const { response, skip } = await this.#openBlob(request);
    try {
      yield* withoutFirst(bodyChunks(response.body, this.#options.speedFloor ?? DEFAULT_SPEED_FLOOR), skip);
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof TooSlowError) {
        throw new RegistryFailure(
          'registryUnreachable',
          `${response.url.host} sends too slowly: ${cause.message}`,
          {
            cause,
            hint: 'check the network and try again; what came so far is kept',
          },
        );
      }
      throw connectionFailure(response.url, cause);
    }
  }

  /** The answer that brings a blob, and how many bytes at its start lie before what was asked for. */
  async #openBlob(request: BlobRequest): Promise<{ readonly response: HttpResponse; readonly skip: number }> {
    const { offset } = request;
    try {
      return await this.#requestBlob(request);
    } catch (error) {
      // A server that cannot serve a part would refuse every later pull too, since the first part stays.
      if (offset === 0 || !(error instanceof RegistryFailure) || error.isTransient) throw error;
      const { response } = await this.#requestBlob({ ...request, offset: 0 });
      return { response, skip: offset };
    }
  }

  async #requestBlob({
    reference,
    blob,
    offset,
    signal,
  }: BlobRequest): Promise<{ readonly response: HttpResponse; readonly skip: number }> {
    const response = await this.#get({
      reference,
      path: `blobs/${blob.digest}`,
      what: `${blob.digest} of ${reference.canonical}`,
      headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
      signal,
    });
    return { response, skip: assertBlobRange(response, { blob, offset }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  /** Sends a request, with credentials once the server has asked for them; anything but a success is an error. */
  async #get(request: Request): Promise<HttpResponse> {
    const { reference, path, headers, signal } = request;
    const url = this.#url(reference, path);
    const key = `${reference.contactedHost}/${reference.repository}`;
    const known = this.#authorizations.get(key);
    const authorization = known !== undefined && known.expiresAt > Date.now() ? known : undefined;
    const response = await this.#http.get({ url, headers, authorization: authorization?.value, signal });
    if (response.status !== 401) return this.#expectSuccess(response, request);

    const granted = await this.#authorize(response, request);
    if (granted === undefined) return this.#expectSuccess(response, request);
    await response.discard();
    this.#authorizations.set(key, granted);
    const second = await this.#http.get({ url, headers, authorization: granted.value, signal });
    return this.#expectSuccess(second, request);
  }

  /** What the server's challenge leads to; undefined when there is nothing to answer it with. */
  async #authorize(response: HttpResponse, request: Request): Promise<Authorization | undefined> {
    const { reference, what, signal } = request;
    const credentials = this.#options.auth;
    const url = this.#url(reference, '');
    // Only the registry itself may ask: an answer to a redirect's target would go to another host.
    if (response.url.origin !== url.origin) return undefined;
    const challenges = parseAuthChallenges(response.header('www-authenticate') ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      return fetchBearerToken({
        http: this.#http,
        registryUrl: url,
        parameters: bearer.parameters,
        scope: `repository:${reference.repository}:pull`,
        credentials,
        what,
        registry: reference.registry,
        signal,
      });
    }
    if (credentials === undefined || !challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    return { value: basicAuthorization(credentials), expiresAt: Number.POSITIVE_INFINITY };
  }

  async #expectSuccess(response: HttpResponse, { reference, what }: Request): Promise<HttpResponse> {
    if (response.status === 200 || response.status === 206) return response;
    throw await statusFailure(response, {
      what,
      registry: reference.registry,
      hasCredentials: this.#options.auth !== undefined,
    });
  }

  #url({ contactedHost, repository }: ImageReference, path: string): URL {
    const scheme = this.#options.insecureHosts?.includes(contactedHost) ? 'http' : 'https';
    return new URL(`${scheme}://${contactedHost}/v2/${repository}/${path}`);
  }
}

/** The digest of a manifest, which must be what the reference and the server say. */
function checkManifestDigest(bytes: Buffer, reference: ImageReference, response: HttpResponse): string {
  for (const expected of [reference.digest, response.header('docker-content-digest')]) {
    if (expected === undefined) continue;
    const { algorithm, encoded } = servedDigest(expected, response.url);
    const actual = createHash(algorithm).update(bytes).digest('hex');
    if (actual !== encoded) {
      throw new MicrosandboxError(
        'digestMismatch',
        `digest mismatch for manifest of ${reference.canonical}: expected ${expected}, got ${algorithm}:${actual}`,
        {
          hint: 'the registry or something on the way to it changed the image; try again or use another registry',
        },
      );
    }
  }
  return reference.digest ?? `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function servedDigest(text: string, url: URL): ImageDigest {
  try {
    return parseCheckableDigest(text);
  } catch (cause) {
    throw new RegistryFailure('image', `${url.host} names a digest that cannot be checked`, { cause });
  }
}

/** Leaves out the first `count` bytes: what a server that does not know ranges sends again. */
async function* withoutFirst(
  chunks: AsyncGenerator<Buffer, void, void>,
  count: number,
): AsyncGenerator<Buffer, void, void> {
  let left = count;
  for await (const chunk of chunks) {
    if (left >= chunk.length) {
      left -= chunk.length;
      continue;
    }
    yield left === 0 ? chunk : chunk.subarray(left);
    left = 0;
  }
}
