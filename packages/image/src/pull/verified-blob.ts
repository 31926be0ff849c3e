import { createHash } from 'node:crypto';
import { sleep } from '@microsandbox/utils';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { BlobDescriptor, Registry } from '../registry/registry.ts';
import { RegistryFailure } from '../registry/registry-failure.ts';
import { retryDelay } from '../registry/with-retries.ts';
import type { PartFile } from './part-file.ts';
import { WrongBlobError } from './wrong-blob-error.ts';

/** Longest blob whose manifest does not say how long it is, bytes: as much as one layer may unpack to. */
const UNKNOWN_SIZE_LIMIT = 16 * 1024 ** 3;

/** Progress after which earlier failures no longer count, bytes. */
const FORGIVING_BYTES = 1024 * 1024;

export interface VerifiedBlobOptions {
  readonly registry: Registry;
  readonly reference: ImageReference;
  readonly blob: BlobDescriptor;
  /** What an earlier download left, and where this one leaves what it gets. */
  readonly part?: PartFile | undefined;
  /** Told after every chunk how many bytes there are. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Bytes of a blob, first those of the part file, then those of the source; a source that breaks off is asked again
 * for the rest. The end is reached only when length and digest are right.
 *
 * @throws {WrongBlobError} when they are not; {MicrosandboxError} `registryUnreachable` and others of the source.
 */
export async function* verifiedBlob(options: VerifiedBlobOptions): AsyncGenerator<Buffer, void, void> {
  const { registry, reference, blob, part, signal } = options;
  const { digest, sizeBytes } = blob;
  const meter = new BlobMeter(options);
  if (part !== undefined && part.length > 0) {
    // Without a known length a complete part could not be told from one that goes on.
    if (sizeBytes === null || part.length > sizeBytes) await part.clear();
    for await (const chunk of part.read()) yield meter.take(chunk);
  }
  let failures = 0;
  let forgivenAt = 0;
  while (sizeBytes === null || meter.bytes < sizeBytes) {
    try {
      for await (const chunk of registry.blob({ reference, blob, offset: meter.bytes, signal })) {
        meter.take(chunk);
        await part?.append(chunk);
        yield chunk;
      }
      if (sizeBytes === null || meter.bytes === sizeBytes) break;
      throw new RegistryFailure(
        'registryUnreachable',
        `layer ${digest} of ${reference.canonical} ends after ${meter.bytes} of ${sizeBytes} bytes`,
        { isTransient: true, hint: 'try again; what came so far is kept' },
      );
    } catch (error) {
      if (meter.bytes - forgivenAt >= FORGIVING_BYTES) {
        failures = 0;
        forgivenAt = meter.bytes;
      }
      failures++;
      const delay = retryDelay(error, failures);
      if (delay === undefined) throw error;
      await sleep(delay, { signal });
    }
  }
  meter.verify();
}

/** Counts and hashes. */
class BlobMeter {
  bytes = 0;
  readonly #options: VerifiedBlobOptions;
  readonly #expected: string;
  readonly #hash;
  readonly #limit: number;

  constructor(options: VerifiedBlobOptions) {
    const { algorithm, encoded } = parseCheckableDigest(options.blob.digest);
    this.#options = options;
    this.#expected = encoded;
    this.#hash = createHash(algorithm);
    this.#limit = options.blob.sizeBytes ?? UNKNOWN_SIZE_LIMIT;
  }

  take(chunk: Buffer): Buffer {
    this.bytes += chunk.length;
    if (this.bytes > this.#limit) {
      throw new WrongBlobError(this.#options.blob.digest, `${this.#limit} bytes`, 'more');
    }
    this.#hash.update(chunk);
    this.#options.onBytes(this.bytes);
    return chunk;
  }

  verify(): void {
    const actual = this.#hash.digest('hex');
    if (actual !== this.#expected)
      throw new WrongBlobError(this.#options.blob.digest, this.#expected, actual);
  }
}
