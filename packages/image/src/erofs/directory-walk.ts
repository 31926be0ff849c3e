import { ImageError } from '@microsandbox/types';
import type { ErofsImage } from './erofs-image.ts';
import type { StoredEntry } from './parse-directory-block.ts';
import type { StoredInode } from './stored-inode.ts';

/**
 * Lists directories of one walk through an image, and ends the walk when the image can't be a tree: a directory
 * seen twice, or more directory bytes than the image has (a hostile one can let all directories share blocks).
 */
export class DirectoryWalk {
  readonly #image: ErofsImage;
  readonly #seen = new Set<number>();
  #bytesLeft: number;

  constructor(image: ErofsImage) {
    this.#image = image;
    this.#bytesLeft = image.bytes;
  }

  /** Names of a directory in stored order, without `.` and `..`. */
  async *list(directory: StoredInode): AsyncGenerator<StoredEntry> {
    if (this.#seen.has(directory.nid)) throw this.#broken('a directory is inside itself');
    this.#seen.add(directory.nid);
    this.#bytesLeft -= directory.size;
    if (this.#bytesLeft < 0) throw this.#broken('directories larger than the image');
    const blocks = this.#image.directoryBlocks(directory);
    for (let index = 0; index < blocks; index++) {
      for (const entry of await this.#image.directoryBlock(directory, index)) {
        if (entry.name !== '.' && entry.name !== '..') yield entry;
      }
    }
  }

  #broken(reason: string): ImageError {
    return new ImageError(`broken EROFS image ${this.#image.path}: ${reason}`);
  }
}
