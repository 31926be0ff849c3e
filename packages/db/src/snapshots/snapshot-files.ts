/** Names inside a snapshot's folder (spec: state 22). */
export const SNAPSHOT_FILES = {
  /** What the snapshot is; its SHA-256 is the snapshot's identity. */
  descriptor: 'snapshot.json',
  /** What releases up to 0.6.6 wrote instead. */
  legacy: 'manifest.json',
  /** The legacy file once it has been translated, kept for a way back. */
  retired: '.manifest.json.legacy',
  /** Held by whoever translates. */
  lock: '.snapshot-migration.lock',
} as const;

/** Largest descriptor that is read, in bytes. */
export const MAX_DESCRIPTOR_BYTES = 1024 * 1024;
