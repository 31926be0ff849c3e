import { BLOCK_BYTES } from '../ext4-format.ts';
import type { Ext4File } from '../stored/ext4-file.ts';
import type { StoredJournal } from './stored-journal.ts';

/** Blocks that are read at once (256 KiB). */
const WINDOW_BLOCKS = 64;

/** Reads blocks of a journal, mostly one after the other. */
export class LogReader {
  readonly #file: Ext4File;
  readonly #journal: StoredJournal;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(file: Ext4File, journal: StoredJournal) {
    this.#file = file;
    this.#journal = journal;
  }

  /** The block after `block`: the log is a ring. */
  next(block: number): number {
    return block + 1 === this.#journal.run.count ? this.#journal.first : block + 1;
  }

  /** A view that is not to be changed. */
  async read(block: number): Promise<Buffer> {
    const { run } = this.#journal;
    if (block < this.#windowStart || block >= this.#windowStart + this.#window.length / BLOCK_BYTES) {
      this.#windowStart = block;
      this.#window = await this.#file.readBlocks(
        run.start + block,
        Math.min(WINDOW_BLOCKS, run.count - block),
      );
    }
    const at = (block - this.#windowStart) * BLOCK_BYTES;
    return this.#window.subarray(at, at + BLOCK_BYTES);
  }
}
