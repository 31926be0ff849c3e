import type { FsEntryInfo } from '@microsandbox/protocol';

/** What a path leads to; `other` is a device, pipe or socket, or what could not be looked at. */
export type FsEntryKind = 'file' | 'directory' | 'symlink' | 'other';

/** An entry of a folder in a guest, itself: links are not followed. */
export interface FsEntry {
  /** Complete path; bytes that are no UTF-8 are replaced. */
  readonly path: string;
  /** The path's bytes, only there when they are no UTF-8: `path` then leads nowhere. */
  readonly pathBytes?: Uint8Array;
  readonly kind: FsEntryKind;
  /** Bytes. */
  readonly size: number;
  /** `st_mode`, type bits included. */
  readonly mode: number;
  /** To the second. */
  readonly modified: Date | null;
}

/** An entry as the guest tells it. */
export function fsEntryOf(info: FsEntryInfo): FsEntry {
  return {
    path: info.path,
    ...(info.pathBytes && { pathBytes: info.pathBytes }),
    kind: fsEntryKind(info),
    size: Number(info.size),
    mode: info.mode,
    modified: fsDate(info.modified),
  };
}

export function fsEntryKind({ kind }: Pick<FsEntryInfo, 'kind'>): FsEntryKind {
  if (kind === 'dir') return 'directory';
  return kind === 'file' || kind === 'symlink' ? kind : 'other';
}

/** A guest may have times that no `Date` can hold. */
export function fsDate(seconds: bigint | number | null): Date | null {
  if (seconds === null) return null;
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? null : date;
}
