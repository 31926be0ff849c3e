import { type Geometry, groupBlocks, groupMetadataBlocks, groupStart, tooSmall } from './geometry.ts';

/** A run of blocks; `start` is counted from the start of the file system. */
export interface BlockRun {
  readonly start: number;
  readonly count: number;
}

/**
 * Hands out free blocks in order. Nothing is ever given back, so the used blocks of each group are those up to one
 * point, and a bitmap is a number.
 */
export class BlockSpace {
  readonly #geometry: Geometry;
  #group = 0;
  /** Next free block. */
  #next: number;

  /** The blocks of group 0 from its own metadata to `firstFree` are taken. */
  constructor(geometry: Geometry, firstFree: number) {
    this.#geometry = geometry;
    if (firstFree > groupBlocks(geometry, 0)) throw tooSmall();
    this.#next = firstFree;
  }

  /**
   * Takes `count` blocks: one run a group.
   *
   * @throws {InvalidConfigError} when the file system is full.
   */
  take(count: number): BlockRun[] {
    const runs: BlockRun[] = [];
    for (let left = count; left > 0; ) {
      const room = groupStart(this.#group) + groupBlocks(this.#geometry, this.#group) - this.#next;
      if (room === 0) {
        this.#enterNextGroup();
        continue;
      }
      const taken = Math.min(room, left);
      runs.push({ start: this.#next, count: taken });
      this.#next += taken;
      left -= taken;
    }
    return runs;
  }

  /** Takes one block. */
  takeOne(): number {
    return (this.take(1)[0] as BlockRun).start;
  }

  /** Blocks in use at the start of a group, its metadata among them. */
  usedBlocks(group: number): number {
    if (group < this.#group) return groupBlocks(this.#geometry, group);
    return group === this.#group
      ? this.#next - groupStart(group)
      : groupMetadataBlocks(this.#geometry, group);
  }

  #enterNextGroup(): void {
    this.#group++;
    if (this.#group >= this.#geometry.groups) throw tooSmall();
    this.#next = groupStart(this.#group) + groupMetadataBlocks(this.#geometry, this.#group);
  }
}
