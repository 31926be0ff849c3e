import type { CondensedArchive } from '../tar/condensed-archive.ts';

/** The archive of a layer while it is being unpacked. */
export interface UnpackedLayer {
  /** To be read once, in order. A piece is good only until the next one is asked for. */
  readonly pieces: AsyncGenerator<Uint8Array | CondensedArchive, void, void>;
  /** `sha256:...` of the whole archive; to be asked for after the last piece. */
  readonly digest: () => string;
}
