import { currentBackend } from '../backend/current-backend.ts';
import { Consumption } from '../builders/consumption.ts';
import { assertLabels } from '../config/labels.ts';
import { createVolume } from './create-volume.ts';
import { Volume } from './volume-instance.ts';
import { assertVolumeSpec, type VolumeSpec } from './volume-spec.ts';

/**
 * Describes a volume, then creates it. Sizes in MiB.
 *
 * @example
 * const cache = await Volume.builder('pip-cache').quota(1024).create();
 */
export class VolumeBuilder {
  readonly #state = new Consumption('VolumeBuilder');
  readonly #name: string;
  #kind: 'dir' | 'disk' = 'dir';
  #quotaMib: number | undefined;
  #capacityMib: number | undefined;
  readonly #labels: Record<string, string> = {};

  constructor(name: string) {
    this.#name = name;
  }

  /** A folder, which several sandboxes may have mounted at once. The default. */
  directory(): this {
    return this.#set(() => {
      this.#kind = 'dir';
    });
  }

  /** A disk with a file system of its own, for one sandbox at a time unless all only read. */
  disk(): this {
    return this.#set(() => {
      this.#kind = 'disk';
    });
  }

  /** Most that a folder may hold. */
  quota(mib: number): this {
    return this.#set(() => {
      this.#quotaMib = Math.trunc(mib);
    });
  }

  /** Size of a disk. */
  size(mib: number): this {
    return this.#set(() => {
      this.#capacityMib = Math.trunc(mib);
    });
  }

  label(key: string, value: string): this {
    return this.#set(() => {
      this.#labels[key] = value;
    });
  }

  /** Checks everything, without creating anything. @throws InvalidConfigError */
  build(): VolumeSpec {
    this.#state.consume();
    const spec = {
      name: this.#name,
      kind: this.#kind,
      ...(this.#quotaMib !== undefined && { quotaMib: this.#quotaMib }),
      ...(this.#capacityMib !== undefined && { capacityMib: this.#capacityMib }),
      labels: { ...this.#labels },
    };
    assertVolumeSpec(spec);
    assertLabels(spec.labels);
    return spec;
  }

  /**
   * @throws InvalidConfigError
   * @throws VolumeAlreadyExistsError
   */
  async create(): Promise<Volume> {
    const backend = currentBackend().local('Volume::create');
    const spec = this.build();
    const { dir } = await createVolume(backend, spec);
    return new Volume(spec.name, dir);
  }

  #set(change: () => void): this {
    this.#state.assertOpen();
    change();
    return this;
  }
}
