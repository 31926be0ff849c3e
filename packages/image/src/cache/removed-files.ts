import { rm, stat } from 'node:fs/promises';

/** What a removal took away: numbers of files, and the space that they had. */
export interface RemovedFiles {
  readonly metadata: number;
  readonly layers: number;
  readonly fsmeta: number;
  readonly vmdk: number;
  /** Flat images. */
  readonly flat: number;
  /** Downloads and work that nobody goes on with. */
  readonly temporary: number;
  readonly bytes: number;
}

export type RemovedKind = Exclude<keyof RemovedFiles, 'bytes'>;

/** Deletes files of a cache and keeps count. A file that stays is only space, so no failure is reported. */
export class FileRemoval {
  readonly #removed = { metadata: 0, layers: 0, fsmeta: 0, vmdk: 0, flat: 0, temporary: 0, bytes: 0 };

  get result(): RemovedFiles {
    return { ...this.#removed };
  }

  async remove(kind: RemovedKind, path: string): Promise<void> {
    try {
      const stats = await stat(path);
      await rm(path, { recursive: stats.isDirectory() });
      this.#removed[kind] += 1;
      // Holes take no space.
      this.#removed.bytes += Math.min(stats.size, stats.blocks * 512);
    } catch {
      // Not there, or not ours to delete.
    }
  }
}
