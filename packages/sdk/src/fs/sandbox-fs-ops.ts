import { guestPathText } from '@microsandbox/protocol';
import { SandboxFsOpsError } from '@microsandbox/types';
import { toBytes } from '../exec/stdin.ts';
import type { FsAccess } from './fs-access.ts';
import type { FsConnection } from './fs-connection.ts';
import type { FsEntry } from './fs-entry.ts';
import { fsError } from './fs-error.ts';
import { type FsMetadata, fsMetadataOf } from './fs-metadata.ts';
import { FsReadStream } from './fs-read-stream.ts';
import { FsWriteSink } from './fs-write-sink.ts';
import type { GuestPath } from './guest-path.ts';
import { receiveHostFile, sendHostFile } from './host-copy.ts';
import { listEntries } from './list-entries.ts';

/**
 * Files of a running sandbox, as its root sees them. Paths are the guest's; relative ones start at `/`. One that is no
 * UTF-8 is given as its bytes.
 *
 * All methods reject with `SandboxFsOpsError` when the guest says no, with `SandboxNotRunningError` when the sandbox
 * does not run, and with `AgentLostError` when it goes away meanwhile.
 *
 * @example
 * const fs = sandbox.fs();
 * await fs.write('/etc/motd', 'hello\n');
 * for (const entry of await fs.list('/etc')) console.log(entry.path, entry.size);
 */
export class SandboxFsOps {
  readonly #access: FsAccess;

  /** @internal Use `Sandbox.fs()`. */
  constructor(access: FsAccess) {
    this.#access = access;
  }

  /** A whole file. */
  async read(path: GuestPath): Promise<Uint8Array> {
    await using stream = await this.readStream(path);
    return await stream.collect();
  }

  /** A whole file as text; bytes that are no UTF-8 are an error. */
  async readToString(path: GuestPath): Promise<string> {
    const bytes = await this.read(path);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw fsError(`invalid utf-8: ${guestPathText(path)}: ${(error as Error).message}`);
    }
  }

  /** A file, piece by piece. */
  async readStream(path: GuestPath): Promise<FsReadStream> {
    return this.#opened(path, { read: true }, FsReadStream);
  }

  /** Creates or replaces a file. Its folder must exist. */
  async write(path: GuestPath, data: Uint8Array | string): Promise<void> {
    // What is no data must not cost the file that is there.
    const bytes = toBytes(data);
    await using sink = await this.writeStream(path);
    await sink.write(bytes);
    await sink.close();
  }

  /** Creates or replaces a file, piece by piece. Its folder must exist. */
  async writeStream(path: GuestPath): Promise<FsWriteSink> {
    return this.#opened(path, { write: true, create: true, truncate: true }, FsWriteSink);
  }

  /** The entries of a folder, in no order. Links are not followed. */
  async list(path: GuestPath): Promise<FsEntry[]> {
    return this.#use((connection) => listEntries(connection, path));
  }

  /** Everything below a folder, each folder before what is in it. Links are not followed. */
  async *walk(path: GuestPath): AsyncGenerator<FsEntry, void, void> {
    const folders: GuestPath[] = [path];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const entry of await this.list(folder)) {
        yield entry;
        if (entry.kind === 'directory') folders.push(entry.pathBytes ?? entry.path);
      }
    }
  }

  /** Makes a folder, and those above it. One that is there already is fine. */
  async mkdir(path: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'Mkdir', path, mode: null }));
  }

  /** Removes a folder and everything in it. */
  async removeDir(path: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'RemoveDir', path, recursive: true }));
  }

  /** Removes anything but a folder. */
  async remove(path: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'Remove', path }));
  }

  /** Copies one file, with its mode, inside the sandbox. */
  async copy(from: GuestPath, to: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'Copy', src: from, dst: to }));
  }

  /** Renames, or moves within one file system. Replaces a file. */
  async rename(from: GuestPath, to: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'Rename', src: from, dst: to }));
  }

  /** Makes a symbolic link at `linkPath`. */
  async symlink(target: GuestPath, linkPath: GuestPath): Promise<void> {
    await this.#use((connection) => connection.perform({ kind: 'Symlink', target, linkPath }));
  }

  /** Where a symbolic link points, as it is written. */
  async readLink(path: GuestPath): Promise<string> {
    return guestPathText(await this.readLinkBytes(path));
  }

  /** The same, byte for byte: a target need not be UTF-8. */
  async readLinkBytes(path: GuestPath): Promise<Uint8Array> {
    return this.#use((connection) => connection.path({ kind: 'ReadLink', path }));
  }

  /** The path without links; its last part need not exist. */
  async realPath(path: GuestPath): Promise<string> {
    return guestPathText(await this.#use((connection) => connection.path({ kind: 'RealPath', path })));
  }

  /** Changes the permission bits, such as `0o755`. Links are followed. */
  async chmod(path: GuestPath, mode: number): Promise<void> {
    await this.#use((connection) =>
      connection.perform({ kind: 'SetStat', path, followSymlink: true, attrs: { mode } }),
    );
  }

  /** Changes owner and group, by number. Links are followed. */
  async chown(path: GuestPath, uid: number, gid: number): Promise<void> {
    await this.#use((connection) =>
      connection.perform({ kind: 'SetStat', path, followSymlink: true, attrs: { uid, gid } }),
    );
  }

  /** What a path leads to. Links are followed. */
  async stat(path: GuestPath): Promise<FsMetadata> {
    return fsMetadataOf(await this.#use((connection) => connection.stat(path, true)));
  }

  /** What a path is itself. Links are not followed. */
  async lstat(path: GuestPath): Promise<FsMetadata> {
    return fsMetadataOf(await this.#use((connection) => connection.stat(path, false)));
  }

  /** Whether a path leads to something; false as well where the guest cannot tell. */
  async exists(path: GuestPath): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      if (error instanceof SandboxFsOpsError) return false;
      throw error;
    }
  }

  /**
   * Copies one file of the host into the sandbox, without its mode.
   *
   * @throws IoError when the host's file cannot be read
   */
  async copyFromHost(hostPath: string, guestPath: GuestPath): Promise<void> {
    await sendHostFile(hostPath, () => this.writeStream(guestPath));
  }

  /**
   * Copies one file of the sandbox to the host, without its mode.
   *
   * @throws IoError when the host's file cannot be written
   */
  async copyToHost(guestPath: GuestPath, hostPath: string): Promise<void> {
    await receiveHostFile(hostPath, await this.readStream(guestPath));
  }

  async #use<T>(operation: (connection: FsConnection) => Promise<T>): Promise<T> {
    const lease = await this.#access();
    try {
      return await operation(lease.connection);
    } finally {
      await lease.release();
    }
  }

  async #opened<T>(
    path: GuestPath,
    options: Parameters<FsConnection['openFile']>[1],
    Stream: new (lease: Awaited<ReturnType<FsAccess>>, handle: bigint) => T,
  ): Promise<T> {
    const lease = await this.#access();
    try {
      return new Stream(lease, await lease.connection.openFile(path, options));
    } catch (error) {
      await lease.release();
      throw error;
    }
  }
}
