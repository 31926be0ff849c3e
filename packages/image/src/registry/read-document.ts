import { bodyChunks, TooSlowError } from './body-chunks.ts';
import { connectionFailure } from './connection-failure.ts';
import type { HttpResponse } from './http-client.ts';
import { RegistryFailure } from './registry-failure.ts';

/** Time for the whole of a small document. */
const DOCUMENT_MS = 120_000;

export interface ReadDocumentOptions {
  readonly limitBytes: number;
  /** What it is, for messages: `manifest`. */
  readonly what: string;
  /** Two minutes when absent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a body that has to be small.
 *
 * @throws {RegistryFailure} when it is longer than the limit, or takes longer.
 */
export async function readDocument(response: HttpResponse, options: ReadDocumentOptions): Promise<Buffer> {
  const { limitBytes, what, timeoutMs = DOCUMENT_MS, signal } = options;
  const tooLong = (): RegistryFailure =>
    new RegistryFailure('image', `${response.url.host} sent a ${what} of more than ${limitBytes} bytes`);
  if (Number(response.header('content-length')) > limitBytes) {
    response.body.on('error', () => undefined).destroy();
    throw tooLong();
  }
  const deadline = performance.now() + timeoutMs;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of bodyChunks(response.body)) {
      bytes += chunk.length;
      if (bytes > limitBytes) throw tooLong();
      if (performance.now() > deadline) throw new TooSlowError('it sends too slowly');
      chunks.push(chunk);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof RegistryFailure) throw cause;
    throw connectionFailure(response.url, cause);
  }
  return Buffer.concat(chunks);
}
