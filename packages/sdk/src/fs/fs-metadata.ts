import type { FsEntryInfo } from '@microsandbox/protocol';
import { type FsEntryKind, fsDate, fsEntryKind } from './fs-entry.ts';

const OWNER_WRITE = 0o200;

/** What a guest knows about a file. */
export interface FsMetadata {
  readonly kind: FsEntryKind;
  /** Bytes. */
  readonly size: number;
  /** `st_mode`, type bits included. */
  readonly mode: number;
  /** Whether its owner may not write it. */
  readonly readonly: boolean;
  /** To the second. */
  readonly modified: Date | null;
  /** Not told by guests. */
  readonly created: Date | null;
}

/** What callers see of an answer of the guest; `created` is not among what it tells. */
export function fsMetadataOf(info: FsEntryInfo): FsMetadata {
  return {
    kind: fsEntryKind(info),
    size: Number(info.size),
    mode: info.mode,
    readonly: (info.mode & OWNER_WRITE) === 0,
    modified: fsDate(info.modified),
    created: null,
  };
}
