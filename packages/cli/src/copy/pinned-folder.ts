import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, symlink, unlink } from 'node:fs/promises';
import { openFilePath } from '@microsandbox/utils';
import { type ByteName, byteName, nameBytes } from './byte-name.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_CREAT, O_EXCL, O_WRONLY } = constants;

/** Nobody else may look into a folder that is being filled. */
const WORKING_MODE = 0o700;

/**
 * A folder of the host held open. Everything is done relative to the open folder, as with `openat(2)`, so whoever
 * renames folders or puts links in their place meanwhile does not get us anywhere else.
 */
export class PinnedFolder {
  readonly #handle: FileHandle;
  /** A path that always means the open folder. */
  readonly #self: string;

  private constructor(handle: FileHandle, self: string) {
    this.#handle = handle;
    this.#self = self;
  }

  static async #pin(path: string | Buffer, flags: number): Promise<PinnedFolder> {
    const handle = await open(path, flags);
    try {
      return new PinnedFolder(handle, await openFilePath(handle, path.toString()));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens a folder that the user named; links on the way are the user's own. */
  static open(path: string): Promise<PinnedFolder> {
    return PinnedFolder.#pin(path, O_RDONLY | O_DIRECTORY);
  }

  /**
   * Enters the folder `name`, which is made when it is not there; a link of that name makes way for it. Nobody else
   * may look into it until {@link seal}.
   */
  async enter(name: ByteName): Promise<PinnedFolder> {
    const path = this.#at(name);
    try {
      await mkdir(path, WORKING_MODE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if ((await lstat(path)).isSymbolicLink()) {
        await unlink(path);
        await mkdir(path, WORKING_MODE);
      }
    }
    const folder = await PinnedFolder.#pin(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    await folder.#handle.chmod(WORKING_MODE);
    return folder;
  }

  /** Writes a file under a passing name and gives it its own when it is complete. */
  async writeFile(name: ByteName, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
    await this.#replace(name, async (path) => {
      const file = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
      try {
        for await (const chunk of content) await file.writeFile(chunk);
        await file.chmod(mode);
      } finally {
        await file.close();
      }
    });
  }

  /** Makes a link; one that is there, or a file, is replaced. */
  async writeLink(name: ByteName, target: ByteName): Promise<void> {
    await this.#replace(name, (path) => symlink(nameBytes(target), path));
  }

  /** Gives the folder its final mode and lets it go. */
  async seal(mode: number): Promise<void> {
    await this.#handle.chmod(mode);
    await this.close();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #replace(name: ByteName, write: (path: Buffer) => Promise<void>): Promise<void> {
    const passing = this.#at(`.msb-copy-${randomBytes(6).toString('hex')}`);
    try {
      await write(passing);
      await rename(passing, this.#at(name));
    } catch (error) {
      await unlink(passing).catch(() => {});
      throw error;
    }
  }

  #at(name: ByteName): Buffer {
    return nameBytes(`${byteName(this.#self)}/${name}`);
  }
}
