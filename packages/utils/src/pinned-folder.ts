import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { errnoOf } from './errno.ts';
import { openFilePath } from './open-file-path.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** A folder held open. What is looked up in it is looked up there, whatever becomes of its path meanwhile. */
export class PinnedFolder {
  readonly #handle: FileHandle;
  readonly #self: string;

  private constructor(handle: FileHandle, self: string) {
    this.#handle = handle;
    this.#self = self;
  }

  /** Opens a folder by its path; links in it are followed. */
  static async open(path: string): Promise<PinnedFolder> {
    return PinnedFolder.#pin(path, O_RDONLY | O_DIRECTORY);
  }

  static async #pin(path: string, flags: number): Promise<PinnedFolder> {
    const handle = await open(path, flags);
    return new PinnedFolder(handle, await openFilePath(handle, path));
  }

  /** Opens a folder in this one; a link is none. */
  enter(name: string): Promise<PinnedFolder> {
    return PinnedFolder.#pin(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }

  /** Path of a name in this folder, good as long as the folder is open. */
  at(name: string): string {
    return `${this.#self}/${name}`;
  }

  /** Names in this folder. */
  names(): Promise<string[]> {
    return readdir(`${this.#self}/.`);
  }

  /** Removes a name, with everything below it when it is a folder. Links are removed, not followed. */
  async removeTree(name: string): Promise<void> {
    let folder: PinnedFolder;
    try {
      folder = await this.enter(name);
    } catch (error) {
      if (!['ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) throw error;
      await unlink(this.at(name));
      return;
    }
    try {
      for (const child of await folder.names()) await folder.removeTree(child);
    } finally {
      await folder.close();
    }
    await rmdir(this.at(name));
  }

  /** Sets the folder's own mode. */
  chmod(mode: number): Promise<void> {
    return this.#handle.chmod(mode);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
