import type { DiskRegion } from '../disk-region.ts';
import type { Ext4File } from '../stored/ext4-file.ts';

/** Writes to a file that can be taken back, but for what lies behind its old end. */
export class UndoLog {
  readonly #file: Ext4File;
  readonly #size: number;
  readonly #before: DiskRegion[] = [];

  constructor(file: Ext4File) {
    this.#file = file;
    this.#size = file.size;
  }

  async write(region: DiskRegion): Promise<void> {
    const bytes = Math.min(region.bytes.length, this.#size - region.offset);
    if (bytes > 0) {
      this.#before.push({ offset: region.offset, bytes: await this.#file.read(region.offset, bytes) });
    }
    await this.#file.write(region);
  }

  /** Makes the file what it was. */
  async takeBack(): Promise<void> {
    for (const region of this.#before.reverse()) await this.#file.write(region);
    await this.#file.resize(this.#size);
    await this.#file.sync();
  }
}
