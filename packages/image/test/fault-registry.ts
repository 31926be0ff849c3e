import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestImage } from '@microsandbox/test-utils';

/** Answers a request in place of the registry: true when it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;

export interface FaultRegistryOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A registry of one repository (`r/demo`) in this process, whose every answer a test can replace. */
export class FaultRegistry implements AsyncDisposable {
  /** All requests so far: method, path, and the headers that tests look at. */
  readonly requests: { readonly url: string; readonly range?: string; readonly authorization?: string }[] =
    [];
  fault: Fault = () => false;
  readonly #documents = new Map<string, { readonly bytes: Buffer; readonly mediaType: string }>();
  readonly #server;
  host = '';

  private constructor({ tls }: FaultRegistryOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      this.#answer(request, response);
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  }

  static async start(options: FaultRegistryOptions = {}): Promise<FaultRegistry> {
    const registry = new FaultRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    return registry;
  }

  get reference(): string {
    return `${this.host}/r/demo:1`;
  }

  /** Serves an image under the tag `1`. */
  serve(image: TestImage): void {
    this.put('manifests/1', image.manifest.bytes, image.manifest.mediaType);
    this.putDocument(image.manifest.bytes, image.manifest.mediaType);
    for (const blob of [image.config, ...image.layers]) {
      this.put(`blobs/${blob.digest}`, blob.bytes, 'application/octet-stream');
    }
  }

  /** Serves a manifest or index by its digest, which is returned. */
  putDocument(bytes: Buffer, mediaType: string): string {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.put(`manifests/${digest}`, bytes, mediaType);
    return digest;
  }

  put(path: string, bytes: Buffer, mediaType: string): void {
    this.#documents.set(path, { bytes, mediaType });
  }

  /** Requests for blobs other than the configuration's. */
  layerRequests(image: TestImage): string[] {
    const layers = new Set(image.layers.map(({ digest }) => `/v2/r/demo/blobs/${digest}`));
    return this.requests
      .filter(({ url }) => layers.has(url))
      .map(({ url, range }) => `${url} ${range ?? ''}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    const { range, authorization } = request.headers;
    this.requests.push({ url, ...(range && { range }), ...(authorization && { authorization }) });
    if (this.fault(request, response)) return;
    const document = this.#documents.get(url.replace('/v2/r/demo/', ''));
    if (document === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      return;
    }
    const { bytes, mediaType } = document;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-type': mediaType,
      'content-length': bytes.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    response.end(bytes.subarray(start));
  }
}

/** Sends the first bytes of a body with a length that promises more, then closes the connection. */
export function cutAfter(
  response: ServerResponse,
  bytes: Buffer,
  promised: number,
  headers = {},
  status = 200,
): true {
  response.writeHead(status, { 'content-length': promised, ...headers });
  response.write(bytes, () => setTimeout(() => response.destroy(), 20));
  return true;
}
