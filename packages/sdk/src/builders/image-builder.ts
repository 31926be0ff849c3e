import type { RootDisk } from '@microsandbox/types';
import { invalidConfig } from '../config/invalid-config.ts';
import { diskFormatOf, STORED_DISK_FORMATS, type StoredImage } from '../config/rootfs-source.ts';
import { configured } from './configure.ts';
import { Consumption } from './consumption.ts';
import { RootDiskBuilder } from './root-disk-builder.ts';

/** What a sandbox stands on; given to the callback of `SandboxBuilder.imageWith`. The last source wins. */
export class ImageBuilder {
  readonly #state = new Consumption('ImageBuilder');
  #image: StoredImage | undefined;
  #problem: Error | undefined;

  /** An image reference. */
  oci(reference: string): this {
    return this.#set({ Oci: { reference } });
  }

  /** Where the sandbox writes: a size in MiB, or more. Needs `oci()` before. */
  rootDisk(disk: number | ((builder: RootDiskBuilder) => RootDiskBuilder)): this {
    this.#state.assertOpen();
    if (this.#image === undefined || !('Oci' in this.#image)) {
      return this.#fail(invalidConfig('root_disk() requires oci() to be called first'));
    }
    try {
      this.#image = { Oci: { reference: this.#image.Oci.reference, root_disk: rootDiskOf(disk) } };
    } catch (error) {
      return this.#fail(error as Error);
    }
    return this;
  }

  /** @deprecated Use {@link rootDisk}. */
  upperSize(mib: number): this {
    return this.rootDisk(mib);
  }

  /** A disk image with a file system; its format is told by the extension. */
  disk(path: string): this {
    this.#state.assertOpen();
    const format = diskFormatOf(path);
    if (format === null) {
      const extension = /\.([^./]*)$/.exec(path)?.[1] ?? '';
      return this.#fail(
        invalidConfig(`unrecognized disk image extension: "${extension}" (expected .qcow2, .raw, or .vmdk)`),
      );
    }
    return this.#set({ DiskImage: { path, format: STORED_DISK_FORMATS[format], fstype: null } });
  }

  /** A folder of the host. */
  bind(path: string): this {
    return this.#set({ Bind: { path, follow_root_symlinks: false } });
  }

  /** File system of the disk image. Needs `disk()` before. */
  fstype(fstype: string): this {
    this.#state.assertOpen();
    if (this.#image === undefined || !('DiskImage' in this.#image)) {
      return this.#fail(invalidConfig('fstype() requires disk() to be called first'));
    }
    const problem = fstypeProblem(fstype);
    if (problem !== null) return this.#fail(invalidConfig(problem));
    this.#image = { DiskImage: { ...this.#image.DiskImage, fstype } };
    return this;
  }

  /**
   * @internal
   * @throws InvalidConfigError
   */
  take(): StoredImage {
    this.#state.consume();
    if (this.#problem !== undefined) throw this.#problem;
    if (this.#image === undefined) {
      throw invalidConfig('ImageBuilder: no image source set (call .oci(), .disk(), or .bind())');
    }
    return this.#image;
  }

  #set(image: StoredImage): this {
    this.#state.assertOpen();
    this.#image = image;
    return this;
  }

  #fail(error: Error): this {
    this.#problem ??= error;
    return this;
  }
}

/** The root disk that a size or a callback describes. */
export function rootDiskOf(disk: number | ((builder: RootDiskBuilder) => RootDiskBuilder)): RootDisk {
  if (typeof disk === 'number') return { kind: 'managed', size_mib: Math.trunc(disk) };
  return configured(new RootDiskBuilder(), disk, RootDiskBuilder).take();
}

/** Why a file system name is not acceptable, or null. */
export function fstypeProblem(fstype: string): string | null {
  if (fstype === '') return 'fstype must not be empty';
  return /[,;:=]/.test(fstype) ? `fstype must not contain ',', ';', ':', or '=': ${fstype}` : null;
}
