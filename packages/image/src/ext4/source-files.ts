import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';

/** Host files that are kept open. A tree may name many more than a process can open. */
const MAX_OPEN = 32;

/** Reads parts of host files, and keeps those open that were read last. */
export class SourceFiles implements AsyncDisposable {
  readonly #handles = new Map<string, FileHandle>();

  /** Fills `target` from a file. */
  async read(path: string, offset: number, target: Buffer): Promise<void> {
    await readExactly(await this.#open(path), path, target, offset);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles.values()) await handle.close();
    this.#handles.clear();
  }

  async #open(path: string): Promise<FileHandle> {
    const known = this.#handles.get(path);
    // Never waits for the other side of a pipe that took a file's place.
    const handle =
      known ??
      (await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
        throw hostFileError('read', path, error);
      }));
    this.#handles.delete(path);
    this.#handles.set(path, handle);
    for (const [oldest, unused] of this.#handles) {
      if (this.#handles.size <= MAX_OPEN) break;
      this.#handles.delete(oldest);
      await unused.close();
    }
    return handle;
  }
}
