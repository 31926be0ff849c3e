import { CustomError } from '@microsandbox/types';
import type { FsMetadata, GuestPath, SandboxFsOps } from 'microsandbox';
import { type ByteName, nameBytes } from './byte-name.ts';
import { guestError } from './guest-error.ts';
import { guestPathOf } from './guest-path-of.ts';
import type { FileEntry, SymlinkEntry, TreeEntry, TreeSink } from './tree-entry.ts';

/** Where a tree goes in a sandbox. */
export interface GuestTarget {
  readonly files: SandboxFsOps;
  /** Name of the sandbox. */
  readonly sandbox: string;
  /** Path that the tree's root gets. */
  readonly root: string;
}

/** Writes a tree into a sandbox. Files are replaced; folders that are there are kept. */
export class GuestSink implements TreeSink {
  readonly #target: GuestTarget;

  constructor(target: GuestTarget) {
    this.#target = target;
  }

  async add(entry: TreeEntry): Promise<void> {
    const path = this.#pathOf(entry.path);
    try {
      await this.#addAt(path, entry);
    } catch (error) {
      throw guestError(path, error);
    }
  }

  async #addAt(path: Buffer, entry: TreeEntry): Promise<void> {
    switch (entry.kind) {
      case 'directory':
        await this.#files.mkdir(path);
        return await this.#files.chmod(path, entry.mode);
      case 'symlink':
        return await this.#link(path, entry);
      case 'file':
        return await this.#file(path, entry);
    }
  }

  async finish(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  get #files(): SandboxFsOps {
    return this.#target.files;
  }

  #pathOf(names: readonly ByteName[]): Buffer {
    return guestPathOf(this.#target.root, names);
  }

  async #file(path: Buffer, entry: FileEntry): Promise<void> {
    // A link in the way could lead to another place, or to the very file that is copied.
    if ((await statOrNull(this.#files, path))?.kind === 'symlink') await this.#files.remove(path);
    const { origin, sameAs } = entry;
    if (sameAs !== undefined) return await this.#files.copy(this.#pathOf(sameAs), path);
    if (origin?.sandbox === this.#target.sandbox) return await this.#files.copy(origin.path, path);
    await using sink = await this.#files.writeStream(path);
    for await (const chunk of entry.open()) await sink.write(chunk);
    await sink.close();
    await this.#files.chmod(path, entry.mode);
  }

  async #link(path: Buffer, { target }: SymlinkEntry): Promise<void> {
    const existing = await statOrNull(this.#files, path);
    if (existing?.kind === 'directory') {
      throw new CustomError(`cannot replace folder ${path} by a symbolic link`);
    }
    if (existing !== null) await this.#files.remove(path);
    await this.#files.symlink(nameBytes(target), path);
  }
}

/** What is at a path itself, or null when nothing is. */
export async function statOrNull(files: SandboxFsOps, path: GuestPath): Promise<FsMetadata | null> {
  try {
    return await files.lstat(path);
  } catch (error) {
    if (/os error 2\b/.test((error as Error).message)) return null;
    throw guestError(path, error);
  }
}
