import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A first-in first-out queue of bytes on disk. Its file has no name, so nothing of it survives this process.
 * Calls must not overlap.
 */
export class SpoolFile {
  readonly #file: FileHandle;
  #readAt = 0;
  #writeAt = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(folder: string): Promise<SpoolFile> {
    const path = join(folder, `.spool-${randomBytes(8).toString('hex')}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new SpoolFile(file);
  }

  /** Bytes written and not read yet. */
  get length(): number {
    return this.#writeAt - this.#readAt;
  }

  async write(bytes: Buffer): Promise<void> {
    await this.#file.write(bytes, 0, bytes.length, this.#writeAt);
    this.#writeAt += bytes.length;
  }

  /** Up to `maxBytes` of the oldest bytes. The file shrinks to nothing when all are read. */
  async read(maxBytes: number): Promise<Buffer> {
    const length = Math.min(maxBytes, this.length);
    const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafe(length), 0, length, this.#readAt);
    this.#readAt += bytesRead;
    if (this.length === 0 && this.#writeAt > 0) {
      this.#readAt = 0;
      this.#writeAt = 0;
      await this.#file.truncate(0);
    }
    return buffer.subarray(0, bytesRead);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
