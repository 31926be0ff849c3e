import type { Registry } from '../registry/registry.ts';

/** One image of an archive: under which names, and where its parts come from. */
export interface ArchiveImage {
  /** As they are written in the archive or by the user; not empty. */
  readonly references: readonly string[];
  readonly source: Registry;
}
