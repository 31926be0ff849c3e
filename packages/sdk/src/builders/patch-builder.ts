import type { PatchKind } from '../values.ts';
import { Consumption } from './consumption.ts';

/** One change of the root file system before the first boot. */
export interface Patch {
  kind: PatchKind;
  path?: string;
  src?: string;
  dst?: string;
  target?: string;
  link?: string;
  content?: string;
  contentBytes?: number[];
  mode?: number;
  replace?: boolean;
}

interface PatchOptions {
  readonly mode?: number;
  readonly replace?: boolean;
}

/** Changes of the root file system before the first boot; given to the callback of `SandboxBuilder.patch`. */
export class PatchBuilder {
  readonly #state = new Consumption('PatchBuilder');
  readonly #patches: Patch[] = [];

  /** Writes a text file. */
  text(path: string, content: string, options: PatchOptions = {}): this {
    return this.#add({ kind: 'text', path, content, ...withReplace(options) });
  }

  /** Writes a file of bytes. */
  file(path: string, content: Uint8Array, options: PatchOptions = {}): this {
    return this.#add({ kind: 'file', path, contentBytes: [...content], ...withReplace(options) });
  }

  /** Copies a file of the host. */
  copyFile(src: string, dst: string, options: PatchOptions = {}): this {
    return this.#add({ kind: 'copyFile', src, dst, ...withReplace(options) });
  }

  /** Copies a folder of the host. */
  copyDir(src: string, dst: string, options: { readonly replace?: boolean } = {}): this {
    return this.#add({ kind: 'copyDir', src, dst, replace: options.replace ?? false });
  }

  /** Makes a symbolic link. */
  symlink(target: string, link: string, options: { readonly replace?: boolean } = {}): this {
    return this.#add({ kind: 'symlink', target, link, replace: options.replace ?? false });
  }

  /** Makes a folder, unless it is there. */
  mkdir(path: string, options: { readonly mode?: number } = {}): this {
    return this.#add({ kind: 'mkdir', path, ...(options.mode !== undefined && { mode: options.mode }) });
  }

  /** Removes what is at a path, if anything. */
  remove(path: string): this {
    return this.#add({ kind: 'remove', path });
  }

  /** Adds to the end of a file. */
  append(path: string, content: string): this {
    return this.#add({ kind: 'append', path, content });
  }

  /** The changes, in order. Consumes the builder. */
  build(): Patch[] {
    this.#state.consume('PatchBuilder.build() called more than once');
    return [...this.#patches];
  }

  #add(patch: Patch): this {
    this.#state.assertOpen();
    this.#patches.push(patch);
    return this;
  }
}

function withReplace(options: PatchOptions): Pick<Patch, 'mode' | 'replace'> {
  return { ...(options.mode !== undefined && { mode: options.mode }), replace: options.replace ?? false };
}

/** The stored form of a change: tagged by its kind in PascalCase. */
export function storedPatch(patch: Patch): unknown {
  const { kind, contentBytes, ...fields } = patch;
  const tag = kind.charAt(0).toUpperCase() + kind.slice(1);
  return { [tag]: contentBytes === undefined ? fields : { ...fields, content: contentBytes } };
}
