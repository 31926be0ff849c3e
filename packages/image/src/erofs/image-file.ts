import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';

/** Images are read mostly from front to back, so a read fetches this much. */
const WINDOW_BYTES = 128 * 1024;

/** Windows kept: one each for inodes, directories and whatever else is read at the same time. */
const WINDOWS = 8;

/** A file read at random through a few cached windows. */
export class ImageFile {
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  readonly #handle: FileHandle;
  /** By index; the least recently used first. */
  readonly #windows = new Map<number, Buffer>();

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /**
   * @throws {ImageError} when it is no regular file or can't be opened.
   */
  static async open(path: string): Promise<ImageFile> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
      throw hostFileError('read', path, error);
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new ImageError(`cannot read ${path}: not a regular file`);
      return new ImageFile(path, stats.size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** `length` bytes at `offset`; a view that is not to be changed. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (length < 0 || offset < 0 || offset + length > this.size) {
      throw new ImageError(`broken EROFS image ${this.path}: it points outside itself`);
    }
    const index = Math.floor(offset / WINDOW_BYTES);
    const start = offset - index * WINDOW_BYTES;
    if (start + length <= WINDOW_BYTES) return (await this.#window(index)).subarray(start, start + length);
    const bytes = Buffer.allocUnsafe(length);
    await readExactly(this.#handle, this.path, bytes, offset);
    return bytes;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #window(index: number): Promise<Buffer> {
    let window = this.#windows.get(index);
    if (window === undefined) {
      const offset = index * WINDOW_BYTES;
      window = Buffer.allocUnsafeSlow(Math.min(WINDOW_BYTES, this.size - offset));
      await readExactly(this.#handle, this.path, window, offset);
    }
    this.#windows.delete(index);
    this.#windows.set(index, window);
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= WINDOWS) break;
      this.#windows.delete(oldest);
    }
    return window;
  }
}
