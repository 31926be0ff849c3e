import { listVolumes, volumeByName } from '@microsandbox/db';
import { UnsupportedError } from '@microsandbox/types';
import { currentBackend } from '../backend/current-backend.ts';
import { removeVolume, volumeNotFound } from './remove-volume.ts';
import { VolumeBuilder } from './volume-builder.ts';
import { VolumeFs } from './volume-fs.ts';
import { VolumeHandle } from './volume-handle.ts';
import { volumePlace } from './volume-place.ts';
import { assertVolumeName } from './volume-spec.ts';

/**
 * A named volume: a folder or a disk that outlives the sandboxes it is mounted in.
 *
 * @example
 * const data = await Volume.builder('data').create();
 * await data.fs().write('seed.json', '{}');
 * await Sandbox.builder('a').image('alpine').volume('/data', (m) => m.named('data')).create();
 */
export class Volume {
  readonly name: string;
  /** Its folder on the host; `disk.raw` in it is the disk of a volume that is one. */
  readonly path: string;

  /** @internal Use {@link Volume.builder}. */
  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
  }

  static builder(name: string): VolumeBuilder {
    return new VolumeBuilder(name);
  }

  /**
   * @throws InvalidConfigError for what is no name
   * @throws VolumeNotFoundError
   */
  static async get(name: string): Promise<VolumeHandle> {
    assertVolumeName(name);
    const backend = currentBackend().local('Volume::get');
    const row = await backend.reading((catalog) => catalog.read((db) => volumeByName(db, name)));
    if (row === null) throw volumeNotFound(name);
    return VolumeHandle.live(row, backend, volumePlace(await backend.layout(), name).dir);
  }

  /** Only clouds have a default volume. @throws UnsupportedError */
  static async getDefault(): Promise<VolumeHandle> {
    throw new UnsupportedError('Volume::get_default is not supported by this backend: use a cloud backend');
  }

  /** All volumes, newest first. Their handles only tell. */
  static async list(): Promise<VolumeHandle[]> {
    const backend = currentBackend().local('Volume::list');
    const rows = await backend.reading((catalog) => catalog.read(listVolumes));
    return rows.map((row) => VolumeHandle.listed(row));
  }

  /**
   * Removes a volume with everything in it.
   *
   * @throws VolumeNotFoundError
   * @throws InvalidConfigError while a sandbox has it mounted
   */
  static async remove(name: string): Promise<void> {
    await removeVolume(currentBackend().local('Volume::remove'), name);
  }

  /** Its files, from the host. */
  fs(): VolumeFs {
    return new VolumeFs(this.path);
  }
}
