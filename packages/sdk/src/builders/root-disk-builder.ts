import type { RootDisk } from '@microsandbox/types';
import { invalidConfig } from '../config/invalid-config.ts';
import { oneOf } from '../config/one-of.ts';
import { diskFormatOf } from '../config/rootfs-source.ts';
import { Consumption } from './consumption.ts';

type Kind = RootDisk['kind'];

const METHOD_OF_KIND: Readonly<Record<Kind, string>> = {
  managed: 'size',
  tmpfs: 'tmpfs',
  flat: 'flat',
  'disk-image': 'disk_image',
};

/** Where a sandbox writes; given to the callback of `rootDisk`. Managed unless told otherwise. */
export class RootDiskBuilder {
  readonly #state = new Consumption('RootDiskBuilder');
  #kind: Kind = 'managed';
  #chosen = false;
  #sizeMib: number | undefined;
  #path = '';
  #format: 'raw' | 'qcow2' | 'vmdk' | undefined;
  #fstype: string | undefined;
  #clone: 'auto' | 'copy' | 'reflink' | undefined;
  #problem: Error | undefined;

  /** Size in MiB. Not for an existing disk image. */
  size(mib: number): this {
    this.#state.assertOpen();
    this.#sizeMib = Math.trunc(mib);
    return this;
  }

  /** Writes go to memory and are gone after a stop. */
  tmpfs(): this {
    return this.#choose('tmpfs');
  }

  /** One private ext4 disk instead of shared layers. */
  flat(): this {
    return this.#choose('flat');
  }

  /** Writes go to an existing disk image. */
  disk(path: string): this {
    this.#path = path;
    return this.#choose('disk-image');
  }

  /** Format of the disk image; guessed by its extension otherwise. */
  format(format: 'raw' | 'qcow2'): this {
    this.#state.assertOpen();
    this.#format = oneOf<'raw' | 'qcow2' | 'vmdk'>(
      format,
      ['raw', 'qcow2', 'vmdk'],
      `invalid root disk image format \`${format}\` (expected raw | qcow2)`,
    );
    return this;
  }

  /** File system of a flat root or of the disk image. */
  fstype(fstype: string): this {
    this.#state.assertOpen();
    this.#fstype = fstype;
    return this;
  }

  /** How the private disk of a flat root is made from the cached one. */
  cloneStrategy(strategy: 'auto' | 'copy' | 'reflink'): this {
    this.#state.assertOpen();
    this.#clone = oneOf<'auto' | 'copy' | 'reflink'>(
      strategy,
      ['auto', 'copy', 'reflink'],
      `invalid flat clone strategy \`${strategy}\` (expected auto | copy | reflink)`,
    );
    return this;
  }

  /**
   * @internal
   * @throws InvalidConfigError for settings that do not go together
   */
  take(): RootDisk {
    this.#state.consume();
    if (this.#problem !== undefined) throw this.#problem;
    this.#assertConsistent();
    const size = this.#sizeMib === undefined ? {} : { size_mib: this.#sizeMib };
    const fstype = this.#fstype === undefined ? {} : { fstype: this.#fstype };
    switch (this.#kind) {
      case 'managed':
      case 'tmpfs':
        return { kind: this.#kind, ...size };
      case 'flat':
        return {
          kind: 'flat',
          ...size,
          ...fstype,
          ...(this.#clone !== undefined && this.#clone !== 'auto' && { clone: this.#clone }),
        };
      case 'disk-image':
        return { kind: 'disk-image', path: this.#path, format: this.#storedFormat(), ...fstype };
    }
  }

  #choose(kind: Kind): this {
    this.#state.assertOpen();
    if (this.#chosen && kind !== this.#kind) {
      this.#problem ??= invalidConfig(
        `${METHOD_OF_KIND[kind]}() cannot be combined with ${METHOD_OF_KIND[this.#kind]}()`,
      );
    }
    this.#kind = kind;
    this.#chosen = true;
    return this;
  }

  #assertConsistent(): void {
    const isDisk = this.#kind === 'disk-image';
    if (isDisk && this.#sizeMib !== undefined) {
      throw invalidConfig(
        'size() is not valid for a disk-image root disk; the image file determines the size',
      );
    }
    if (!isDisk && this.#format !== undefined) {
      throw invalidConfig('format() requires disk_image() to be called first');
    }
    if (!isDisk && this.#kind !== 'flat' && this.#fstype !== undefined) {
      throw invalidConfig('fstype() requires flat() or disk_image() to be called first');
    }
    if (this.#kind !== 'flat' && this.#clone !== undefined) {
      throw invalidConfig('clone_strategy() requires flat() to be called first');
    }
  }

  #storedFormat(): 'Raw' | 'Qcow2' {
    const format = this.#format ?? (this.#path.endsWith('.img') ? 'raw' : diskFormatOf(this.#path));
    if (format === 'raw') return 'Raw';
    if (format === 'qcow2') return 'Qcow2';
    if (format === 'vmdk') {
      throw invalidConfig('vmdk is not supported as a root disk (writable vmdk is unavailable)');
    }
    const extension = /\.([^./]*)$/.exec(this.#path)?.[1] ?? '';
    throw invalidConfig(
      `unrecognized root disk image extension: "${extension}" (expected .img, .raw, or .qcow2; or set format() explicitly)`,
    );
  }
}
