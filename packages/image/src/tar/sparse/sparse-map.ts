import { ImageError } from '@microsandbox/types';

/** Bytes of a stretch in old GNU headers. */
const STRETCH_BYTES = 24;

/** A stretch of a sparse file that the archive stores; what is between stretches is zero. */
export interface SparseStretch {
  readonly offset: number;
  readonly length: number;
}

/** A regular file that is stored without its holes. */
export interface SparseFile {
  /** Length of the file with its holes, bytes. */
  readonly size: number;
  /** Null when the map stands at the front of the member's body (GNU.sparse 1.0). */
  readonly map: readonly SparseStretch[] | null;
}

/** Longest map that is read: one that takes as much memory as an extension header may. */
export function maxStretches(limits: { readonly extensionBytes: number }): number {
  return Math.floor(limits.extensionBytes / STRETCH_BYTES);
}

/**
 * Checks a map: stretches in order, without overlap, inside the file, and together as long as what is stored.
 *
 * @throws {ImageError} when the map lies.
 */
export function assertSparseMap(map: readonly SparseStretch[], fileBytes: number, storedBytes: number): void {
  let end = 0;
  let stored = 0;
  for (const { offset, length } of map) {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < end || length < 0) {
      throw invalidSparseMap();
    }
    end = offset + length;
    stored += length;
  }
  if (end > fileBytes || stored !== storedBytes) throw invalidSparseMap();
}

export function invalidSparseMap(): ImageError {
  return new ImageError('invalid sparse map in tar');
}
