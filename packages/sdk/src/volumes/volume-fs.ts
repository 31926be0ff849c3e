import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { IoError, MicrosandboxError, SandboxFsOpsError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import type { FsEntry, FsEntryKind } from '../fs/fs-entry.ts';
import type { FsMetadata } from '../fs/fs-metadata.ts';
import { type PlaceBeneath, placeBeneath } from './beneath.ts';
import { VolumeFsReadStream, VolumeFsWriteSink } from './volume-fs-streams.ts';

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const OWNER_WRITE = 0o200;

/**
 * Files of a volume, from the host, whether or not a sandbox has it mounted. Paths begin at the volume's root. Links are
 * followed inside the volume; whatever leads out of it is refused.
 *
 * Methods reject with `IoError` for what the host refuses and with `SandboxFsOpsError` for a path that leaves the
 * volume.
 */
export class VolumeFs {
  readonly #root: string;

  /** @internal Use `Volume.fs()`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A whole file. */
  async read(path: string): Promise<Uint8Array> {
    await using stream = await this.readStream(path);
    return await stream.collect();
  }

  /** A whole file as text; bytes that are no UTF-8 are an error. */
  async readToString(path: string): Promise<string> {
    const bytes = await this.read(path);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw new SandboxFsOpsError(`sandbox fs error: invalid utf-8: ${path}`, { cause: error });
    }
  }

  /** A file, piece by piece. */
  readStream(path: string): Promise<VolumeFsReadStream> {
    return this.#at(path, async (place) => new VolumeFsReadStream(await openFile(place, O_RDONLY)));
  }

  /** Creates or replaces a file, and the folders above it. */
  async write(path: string, data: Uint8Array | string): Promise<void> {
    await using sink = await this.writeStream(path);
    await sink.write(data);
    await sink.close();
  }

  /** Creates or replaces a file, and the folders above it, piece by piece. */
  async writeStream(path: string): Promise<VolumeFsWriteSink> {
    await this.mkdir(posix.dirname(posix.join('/', path)));
    return this.#at(path, async (place) => {
      return new VolumeFsWriteSink(await openFile(place, O_WRONLY | O_CREAT | O_TRUNC));
    });
  }

  /** The entries of a folder, in no order. Links are not followed. */
  list(path: string): Promise<FsEntry[]> {
    return this.#at(path, async (place) => {
      const folder = await place.folder.enter(place.name);
      try {
        const names = await folder.names();
        const entries = names.map(async (name): Promise<FsEntry[]> => {
          const info = await lstat(folder.at(name)).catch(() => null);
          // Gone meanwhile.
          if (info === null) return [];
          const { size, mode, mtime } = info;
          return [{ path: posix.join('/', path, name), kind: kindOf(info), size, mode, modified: mtime }];
        });
        return (await Promise.all(entries)).flat();
      } finally {
        await folder.close();
      }
    });
  }

  /** Makes a folder, and those above it. One that is there already is fine. */
  async mkdir(path: string): Promise<void> {
    const names = posix.join('/', path).split('/').filter(Boolean);
    for (let depth = 1; depth <= names.length; depth += 1) {
      await this.#at(names.slice(0, depth).join('/'), async (place) => {
        await mkdir(place.path, 0o755).catch(async (error: unknown) => {
          const isFolder = errnoOf(error) === 'EEXIST' && (await lstat(place.path)).isDirectory();
          if (!isFolder) throw error;
        });
      });
    }
  }

  /** Removes a folder and everything in it. */
  removeDir(path: string): Promise<void> {
    return this.#at(path, ({ folder, name }) => folder.removeTree(name), NO_FOLLOW);
  }

  /** Removes anything but a folder. */
  remove(path: string): Promise<void> {
    return this.#at(path, ({ path: place }) => unlink(place), NO_FOLLOW);
  }

  /** Copies one file, with its mode. */
  async copy(from: string, to: string): Promise<void> {
    const { mode } = await this.stat(from);
    await using source = await this.readStream(from);
    await using sink = await this.writeStream(to);
    for await (const chunk of source) await sink.write(chunk);
    await sink.chmod(mode & 0o7777);
    await sink.close();
  }

  /** Renames or moves. Replaces a file. */
  async rename(from: string, to: string): Promise<void> {
    await this.#at(
      from,
      (source) => this.#at(to, (target) => rename(source.path, target.path), NO_FOLLOW),
      NO_FOLLOW,
    );
  }

  /** What a path leads to. */
  stat(path: string): Promise<FsMetadata> {
    return this.#at(path, async (place) => {
      const info = await lstat(place.path);
      const { size, mode, mtime, birthtime } = info;
      return {
        kind: kindOf(info),
        size,
        mode,
        readonly: (mode & OWNER_WRITE) === 0,
        modified: mtime,
        created: birthtime.getTime() > 0 ? birthtime : null,
      };
    });
  }

  /** Whether a path leads to something. */
  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      if (error instanceof IoError && ['ENOENT', 'ENOTDIR'].includes(errnoOf(error.cause) ?? ''))
        return false;
      throw error;
    }
  }

  async #at<T>(
    path: string,
    act: (place: PlaceBeneath) => Promise<T>,
    options: { readonly followLast?: boolean } = {},
  ): Promise<T> {
    try {
      await using place = await placeBeneath(this.#root, path, options);
      return await act(place);
    } catch (error) {
      if (error instanceof MicrosandboxError) throw error;
      const code = errnoOf(error);
      if (code === undefined) throw error;
      throw new IoError(`io error: ${path}: ${REASONS[code] ?? code}`, { cause: error });
    }
  }
}

const NO_FOLLOW = { followLast: false } as const;

/** In words, since the system's own message names a path that nobody gave. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EEXIST: 'it exists already',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ENOSPC: 'no space left on the host',
  ELOOP: 'is a symbolic link',
};

/** Opens a file and nothing else; a pipe that somebody put there does not hold us up. */
async function openFile({ path }: PlaceBeneath, flags: number): Promise<FileHandle> {
  const handle = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o644);
  const info = await handle.stat();
  if (info.isFile()) return handle;
  await handle.close();
  throw Object.assign(new Error('not a file'), {
    code: info.isDirectory() ? 'EISDIR' : 'not a regular file',
  });
}

function kindOf(info: Stats): FsEntryKind {
  if (info.isFile()) return 'file';
  if (info.isDirectory()) return 'directory';
  return info.isSymbolicLink() ? 'symlink' : 'other';
}
