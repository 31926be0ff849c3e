import type { ImageReference } from '../reference/image-reference.ts';

/** A manifest or an index, as it was served; its digest has been checked. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  /** `sha256:…` of the bytes. */
  readonly digest: string;
  /** What the source says it is, if it says something. */
  readonly mediaType: string | undefined;
}

/** Names one blob. */
export interface BlobDescriptor {
  readonly digest: string;
  /** Length in bytes; null when unknown. */
  readonly sizeBytes: number | null;
}

export interface BlobRequest {
  readonly reference: ImageReference;
  readonly blob: BlobDescriptor;
  /** First byte wanted. */
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where images come from: a registry server, or a folder in OCI layout. Manifests are checked against their digest
 * by the source, blobs by whoever reads them.
 */
export interface Registry extends AsyncDisposable {
  /** True when blobs are files of this machine, of which no partial copy need be kept. */
  readonly isLocal: boolean;

  /**
   * The manifest or index that a reference names; its digest wins over its tag.
   *
   * @throws {ImageNotFoundError} when there is none.
   * @throws {MicrosandboxError} `registryUnauthorized`, `registryUnreachable`, `digestMismatch` or `image`.
   */
  manifest(
    reference: ImageReference,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<FetchedManifest>;

  /**
   * Bytes of a blob from `offset` to its end. A source that breaks off ends with an error; no chunk is reused after
   * it was given out.
   */
  blob(request: BlobRequest): AsyncGenerator<Buffer, void, void>;

  /**
   * Says that the bytes of a blob were wrong. The host that sent some of them and is not asked again; null when there
   * is nobody else to ask.
   */
  distrust?(digest: string): string | null;
}
