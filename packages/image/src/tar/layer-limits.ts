/** What one layer may ask for. Layers are written by strangers: each bound caps memory, disk or time. */
export interface LayerLimits {
  /** Sum of the sizes of all regular files, bytes. */
  readonly totalFileBytes: number;
  /** Size of one regular file, bytes. */
  readonly fileBytes: number;
  /** Members of the archive plus directories that only exist because a path goes through them. */
  readonly entries: number;
  readonly pathBytes: number;
  readonly pathComponents: number;
  readonly symlinkTargetBytes: number;
  /** Body of one PAX header or GNU long name, bytes. */
  readonly extensionBytes: number;
  /** Sum of names, link targets and extended attributes, bytes: what stays in memory for the whole build. */
  readonly metadataBytes: number;
  /** Length of the whole decompressed stream, bytes: bounds members that are skipped and padding after the end. */
  readonly streamBytes: number;
  /** Small bodies up to this sum stay in memory, bytes; further ones go to the spool file. */
  readonly memoryBytes: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const DEFAULT_LAYER_LIMITS: LayerLimits = Object.freeze({
  totalFileBytes: 10 * GiB,
  fileBytes: 5 * GiB,
  entries: 1_000_000,
  pathBytes: 4096,
  pathComponents: 128,
  symlinkTargetBytes: 4095,
  extensionBytes: MiB,
  metadataBytes: 256 * MiB,
  streamBytes: 16 * GiB,
  memoryBytes: 16 * MiB,
});
