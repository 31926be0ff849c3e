/**
 * Contract of building image layers (`crates/layer`, off the event loop): from the stream of a layer to its EROFS
 * image, and from the trees of all layers to the image of their metadata.
 */
export interface LayerNatives {
  /**
   * Begins a layer. Bodies of its files go to a file that is made (mode 0600) at `spoolPath` when it is first needed, and
   * loses that name at once.
   */
  beginLayer(
    compression: 'gzip' | 'zstd' | 'none',
    spoolPath: string,
    limits: NativeLayerLimits,
  ): NativeLayer;
  /** An image without layers. */
  layerStack(): NativeLayerStack;
}

/** What a layer may ask for; `LayerLimits` of `@microsandbox/image` says what each means. */
export interface NativeLayerLimits {
  readonly totalFileBytes: number;
  readonly fileBytes: number;
  readonly entries: number;
  readonly pathBytes: number;
  readonly pathComponents: number;
  readonly symlinkTargetBytes: number;
  readonly extensionBytes: number;
  readonly metadataBytes: number;
  readonly streamBytes: number;
}

/** One layer. One call at a time, but for {@link cancel}. */
export interface NativeLayer {
  /**
   * Gives a copy of the next bytes of the layer to the thread that unpacks it. False when enough of them wait there: then
   * {@link ready} comes first.
   */
  push(bytes: Uint8Array): boolean;
  /** Waits for room. False when no more is wanted, since the layer is broken: {@link finish} tells how. */
  ready(): Promise<boolean>;
  /** To be called once, after the last bytes, also when the layer is given up: nothing is written to the spool after it. */
  finish(): Promise<NativeLayerEnd>;
  /** Writes the image of a layer that is finished, made or emptied; its bytes are on the disk then. Null when all is done. */
  write(path: string): Promise<NativeLayerFailure | null>;
  /** Ends unpacking, or a {@link write} that is under way. */
  cancel(): void;
}

/** The layers of an image. */
export interface NativeLayerStack {
  /** Adds a layer that is written on top of the others. */
  add(layer: NativeLayer): void;
  /** Merges the layers and writes the image of their metadata, made or emptied. Null when all is done. */
  writeFsmeta(path: string): Promise<NativeLayerFailure | null>;
}

export interface NativeLayerEnd {
  /** Digest of the whole unpacked layer, hexadecimal. */
  readonly sha256?: string;
  /** Set when it cannot be built. */
  readonly failure?: NativeLayerFailure;
}

/** Why a layer cannot be built. */
export interface NativeLayerFailure {
  /** What is wrong; the system's text when a call on a file failed. */
  readonly reason: string;
  /** Bytes of the name in the layer that it is about, to be quoted behind the reason. */
  readonly name?: Buffer;
  /** The host's file that cannot be written, or read. */
  readonly file?: string;
  readonly reading: boolean;
  /** The system's error number, 0 when it has none. */
  readonly errno: number;
  /** {@link NativeLayer.cancel} was called. */
  readonly cancelled: boolean;
}
