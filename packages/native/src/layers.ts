/**
 * Contract of the inner loop of unpacking image layers (`crates/layer`, in Node's thread pool): it decompresses, hashes,
 * and takes bodies of regular files out of a tar stream into a spool file. It judges nothing; where an archive is not
 * plain to see, bytes are passed on as they are.
 */
export interface LayerNatives {
  /**
   * Begins a layer. Bodies go to `spoolPath`, which is made (mode 0600) when it is first needed, each at a multiple of
   * 4096 bytes.
   */
  unpackLayer(compression: 'gzip' | 'zstd' | 'none', spoolPath: string): NativeLayerUnpacker;
  /**
   * Copies bodies from one file to places in another, both of which are there, and syncs them.
   *
   * @param bodies three numbers each: offset in `source`, offset in `target`, bytes
   * @returns null when all is done
   */
  copyBodies(source: string, target: string, bodies: Float64Array): Promise<NativeCopyFailure | null>;
}

export interface NativeCopyFailure {
  readonly message: string;
  /** The system's error number, 0 when it has none. */
  readonly errno: number;
  /** The source cannot be read; else the target cannot be written. */
  readonly reading: boolean;
}

/** One layer. One call at a time. */
export interface NativeLayerUnpacker {
  /**
   * Unpacks the next pieces, which must not change before the result is there; at most some 4 MiB come of them, maybe
   * with a later call.
   */
  push(pieces: readonly Uint8Array[]): Promise<NativeLayerOutput>;
  /** To be called after the last piece: the rest. The spool file is complete then. */
  finish(): Promise<NativeLayerOutput>;
}

export interface NativeLayerOutput {
  /** Bytes of the archive that were passed on. */
  readonly bytes: Buffer;
  /**
   * The archive in order, three numbers a stretch: bytes passed on (the next ones of {@link bytes}), bytes after them
   * that were taken out, and where those are in the spool file; -1 for bytes behind the archive's end, which are nowhere.
   */
  readonly runs: Float64Array;
  /** Input is left: push again, without new pieces. */
  readonly more: boolean;
  /** Set when nothing can come after this. */
  readonly failure?: NativeLayerFailure;
  /** After the end: digest of the whole unpacked layer, hexadecimal. */
  readonly sha256?: string;
}

export interface NativeLayerFailure {
  readonly message: string;
  /** Set when the spool file cannot be written: the system's error number, 0 when it has none. */
  readonly errno?: number;
}
