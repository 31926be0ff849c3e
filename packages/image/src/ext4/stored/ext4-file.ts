import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from '../../io/host-file-error.ts';
import { readExactly } from '../../io/read-exactly.ts';
import type { DiskRegion } from '../disk-region.ts';
import { BLOCK_BYTES } from '../ext4-format.ts';
import { writeFully } from '../write-fully.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** A disk image in a file. Nothing outside its length is ever read or written. */
export class Ext4File implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  #size: number;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** @throws {ImageError} when it is no regular file or cannot be opened. */
  static async open(path: string, access: 'read' | 'write'): Promise<Ext4File> {
    const flags = (access === 'read' ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK;
    const handle = await open(path, flags).catch((error: unknown) => {
      throw hostFileError(access, path, error);
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new ImageError(`cannot ${access} ${path}: not a regular file`);
      return new Ext4File(path, handle, stats.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Length in bytes. */
  get size(): number {
    return this.#size;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    this.#assertInside(offset, length);
    const bytes = Buffer.allocUnsafe(length);
    await readExactly(this.#handle, this.path, bytes, offset);
    return bytes;
  }

  /** Whole blocks. */
  readBlocks(block: number, count = 1): Promise<Buffer> {
    return this.read(block * BLOCK_BYTES, count * BLOCK_BYTES);
  }

  async write({ offset, bytes }: DiskRegion): Promise<void> {
    this.#assertInside(offset, bytes.length);
    await writeFully(this.#handle, this.path, bytes, offset);
  }

  /** Cuts the file or makes it longer; what is new is a hole. */
  async resize(size: number): Promise<void> {
    await this.#attempt(this.#handle.truncate(size));
    this.#size = size;
  }

  /** Waits until everything written is on the disk. */
  sync(): Promise<void> {
    return this.#attempt(this.#handle.sync());
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertInside(offset: number, length: number): void {
    if (offset < 0 || !Number.isSafeInteger(offset) || offset + length > this.#size) {
      throw unsupportedImage('it points outside itself');
    }
  }

  async #attempt(call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      throw hostFileError('write', this.path, error);
    }
  }
}
