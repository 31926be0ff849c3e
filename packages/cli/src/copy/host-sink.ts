import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CustomError } from '@microsandbox/types';
import { hostError } from '../errors/host-error.ts';
import { baseName, checkedName } from './base-name.ts';
import { type ByteName, nameText } from './byte-name.ts';
import { hostLinkTarget } from './link-target.ts';
import { PinnedFolder } from './pinned-folder.ts';
import type { TreeEntry, TreeSink } from './tree-entry.ts';

/** Where a guest's tree goes on the host. */
export interface HostTarget {
  /** Path that the tree's root gets. */
  readonly path: string;
  /** The copied root in the guest; absolute links below it stay links to the same file of the copy. */
  readonly guestRoot: string;
}

interface OpenFolder {
  readonly name: ByteName;
  readonly folder: PinnedFolder;
  readonly mode: number;
}

/**
 * Writes a guest's tree to the host. The guest is hostile: no link is followed, none is made that leads out of the
 * copy, and nothing outside of the target is touched (spec: cli 6.16).
 */
export class HostSink implements TreeSink {
  readonly #target: HostTarget;
  /** The folder that holds the copy. */
  #parent: PinnedFolder | undefined;
  /** From the copied root to the folder that is being filled; its names are `entry.path` without the root's. */
  readonly #open: OpenFolder[] = [];

  constructor(target: HostTarget) {
    this.#target = { ...target, path: resolve(target.path) };
  }

  async add(entry: TreeEntry): Promise<void> {
    try {
      await this.#add(entry);
    } catch (error) {
      throw hostError(join(this.#target.path, ...entry.path.map(nameText)), error);
    }
  }

  async finish(): Promise<void> {
    await this.#leave(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { folder } of this.#open.splice(0)) await folder.close();
    await this.#parent?.close();
    this.#parent = undefined;
  }

  async #add(entry: TreeEntry): Promise<void> {
    const folder = await this.#folderOf(entry);
    const name = entry.path.length === 0 ? baseName(this.#target.path) : checkedName(entry.path.at(-1) ?? '');
    switch (entry.kind) {
      case 'directory':
        this.#open.push({ name, folder: await folder.enter(name), mode: entry.mode });
        return;
      case 'symlink': {
        const target = hostLinkTarget({ ...entry, root: this.#target.guestRoot });
        return await folder.writeLink(name, target);
      }
      case 'file':
        return await folder.writeFile(name, entry.open(), entry.mode);
    }
  }

  async #folderOf({ path, kind }: TreeEntry): Promise<PinnedFolder> {
    if (path.length === 0) {
      const parent = dirname(this.#target.path);
      if (kind === 'directory') await mkdir(parent, { recursive: true });
      this.#parent = await PinnedFolder.open(parent);
      return this.#parent;
    }
    await this.#leave(path.length);
    const expected = path.slice(0, -1);
    const inner = this.#open.at(-1);
    const names = this.#open.slice(1).map(({ name }) => name);
    if (inner === undefined || names.join('/') !== expected.join('/')) {
      throw new CustomError(`${nameText(path.join('/'))} came before its folder`);
    }
    return inner.folder;
  }

  /** Seals folders until only `depth` are open, innermost first. */
  async #leave(depth: number): Promise<void> {
    while (this.#open.length > depth) {
      const { folder, mode } = this.#open.pop() as OpenFolder;
      await folder.seal(mode);
    }
  }
}
