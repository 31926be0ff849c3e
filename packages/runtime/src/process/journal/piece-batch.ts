import type { Pieces } from './pieces.ts';

/** Bytes of a batch that something waits in front of; a first one is small, for most are a single line. */
export const BATCH_BYTES = 256 * 1024;
export const FIRST_BATCH_BYTES = 8 * 1024;

/** Pieces of a log that wait to be written together. */
export interface PieceBatch<Piece> {
  /** Bytes of the pieces, as they were added. */
  readonly bytes: number;
  /** Adds a piece; false when there is no room for it. An empty batch has room for any. */
  add(piece: Piece): boolean;
  /** The pieces as the file shall hold them, until two more batches are sealed. Nothing can be added any more. */
  seal(): Pieces;
}
