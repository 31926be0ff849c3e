import type { ImageReference } from '../reference/image-reference.ts';
import type { BlobRequest, FetchedManifest, Registry } from './registry.ts';

/** A host that serves the images of a registry under the same names. */
export interface Mirror {
  /** `host` or `host:port`. */
  readonly host: string;
  readonly registry: Registry;
}

/**
 * Asks mirrors before the registry itself. A mirror that fails, whatever the reason, is not asked again; nor is one
 * whose bytes turn out to be wrong.
 */
export class MirroredRegistry implements Registry {
  readonly isLocal = false;
  readonly #origin: Registry;
  readonly #all: readonly Mirror[];
  #mirrors: readonly Mirror[];
  /** Mirrors that sent bytes of a blob. */
  readonly #senders = new Map<string, Set<Mirror>>();

  constructor(origin: Registry, mirrors: readonly Mirror[]) {
    this.#origin = origin;
    this.#all = mirrors;
    this.#mirrors = mirrors;
  }

  async manifest(
    reference: ImageReference,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<FetchedManifest> {
    for (const mirror of this.#mirrors) {
      try {
        return await mirror.registry.manifest(at(mirror, reference), options);
      } catch {
        options.signal?.throwIfAborted();
        this.#giveUp(mirror);
      }
    }
    return this.#origin.manifest(reference, options);
  }

  async *blob(request: BlobRequest): AsyncGenerator<Buffer, void, void> {
    for (const mirror of this.#mirrors) {
      let hasBegun = false;
      try {
        const reference = at(mirror, request.reference);
        for await (const chunk of mirror.registry.blob({ ...request, reference })) {
          if (!hasBegun) this.#sends(mirror, request.blob.digest);
          hasBegun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        this.#giveUp(mirror);
        // The reader goes on from where it is, with the next source.
        if (hasBegun) throw error;
        request.signal?.throwIfAborted();
      }
    }
    yield* this.#origin.blob(request);
  }

  distrust(digest: string): string | null {
    const senders = this.#senders.get(digest) ?? [];
    this.#senders.delete(digest);
    for (const mirror of senders) this.#giveUp(mirror);
    return [...senders].map(({ host }) => host).join(', ') || null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [this.#origin, ...this.#all.map(({ registry }) => registry)];
    await Promise.all(all.map((registry) => registry[Symbol.asyncDispose]()));
  }

  #sends(mirror: Mirror, digest: string): void {
    const senders = this.#senders.get(digest) ?? new Set();
    this.#senders.set(digest, senders.add(mirror));
  }

  #giveUp(mirror: Mirror): void {
    this.#mirrors = this.#mirrors.filter((other) => other !== mirror);
  }
}

/** The same image, asked of another host. */
function at({ host }: Mirror, reference: ImageReference): ImageReference {
  return { ...reference, registry: host, contactedHost: host };
}
