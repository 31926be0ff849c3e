import { encodeTarEntry, TAR_END, tarPadding } from '@microsandbox/image';
import { CustomError } from '@microsandbox/types';
import { type ByteName, nameText } from './byte-name.ts';
import type { FileEntry, TreeEntry, TreeSink } from './tree-entry.ts';

const TYPES = { file: '0', symlink: '2', directory: '5' } as const;

/** Writes a tree as a tar archive. Everything belongs to root, since a copy carries no owners. */
export class TarSink implements TreeSink {
  readonly #root: ByteName;
  readonly #write: (bytes: Uint8Array) => Promise<void>;

  /** `root` is the name of the tree's root in the archive; `write` waits while the reader does. */
  constructor(root: ByteName, write: (bytes: Uint8Array) => Promise<void>) {
    this.#root = root;
    this.#write = write;
  }

  async add(entry: TreeEntry): Promise<void> {
    const name = [this.#root, ...entry.path].join('/');
    await this.#write(
      encodeTarEntry({
        name: entry.kind === 'directory' ? `${name}/` : name,
        type: TYPES[entry.kind],
        mode: entry.mode,
        uid: 0,
        gid: 0,
        size: entry.kind === 'file' ? entry.size : 0,
        mtime: Math.trunc((entry.modified?.getTime() ?? 0) / 1000),
        linkName: entry.kind === 'symlink' ? entry.target : '',
        major: 0,
        minor: 0,
      }),
    );
    if (entry.kind === 'file') await this.#content(name, entry);
  }

  async finish(): Promise<void> {
    await this.#write(TAR_END);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The header has said how much there is, so a file that changes meanwhile cannot be archived. */
  async #content(name: string, entry: FileEntry): Promise<void> {
    let left = entry.size;
    for await (const chunk of entry.open()) {
      left -= chunk.length;
      if (left < 0) break;
      await this.#write(chunk);
    }
    if (left !== 0) throw new CustomError(`${nameText(name)} changed while it was read`);
    await this.#write(tarPadding(entry.size));
  }
}
