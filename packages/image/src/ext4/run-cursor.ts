import type { BlockRun } from './block-space.ts';
import { BLOCK_BYTES } from './ext4-format.ts';

/** Goes through the runs of a file from its first byte on. */
export class RunCursor {
  readonly #runs: readonly BlockRun[];
  #index = 0;
  /** Bytes of the current run that are taken. */
  #taken = 0;

  constructor(runs: readonly BlockRun[]) {
    this.#runs = runs;
  }

  /** Where the next bytes of the file go: at most `wanted`, as many as lie together. */
  take(wanted: number): { readonly position: number; readonly bytes: number } {
    let run = this.#runs[this.#index];
    if (run !== undefined && this.#taken === run.count * BLOCK_BYTES) {
      this.#taken = 0;
      run = this.#runs[++this.#index];
    }
    if (run === undefined) throw new Error('the ext4 plan has no blocks for the rest of a file');
    const position = run.start * BLOCK_BYTES + this.#taken;
    const bytes = Math.min(wanted, run.count * BLOCK_BYTES - this.#taken);
    this.#taken += bytes;
    return { position, bytes };
  }
}
