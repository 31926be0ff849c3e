import { listVolumes, volumeByName } from '@microsandbox/db';
import { UnsupportedError } from '@microsandbox/types';
import { currentBackend } from '../backend/current-backend.ts';
import { removeVolume, volumeNotFound } from './remove-volume.ts';
import { VolumeBuilder } from './volume-builder.ts';
import { VolumeHandle } from './volume-handle.ts';
import { Volume as VolumeInstance } from './volume-instance.ts';
import { volumePlace } from './volume-place.ts';
import { assertVolumeName } from './volume-spec.ts';

/** Beside its objects' methods, what the class `Volume` itself can do. */
interface VolumeStatics {
  /** Describes a new volume; nothing happens before `create()`. */
  builder(name: string): VolumeBuilder;
  /**
   * @throws InvalidConfigError for what is no name
   * @throws VolumeNotFoundError
   */
  get(name: string): Promise<VolumeHandle>;
  /** Only clouds have a default volume. @throws UnsupportedError */
  getDefault(): Promise<VolumeHandle>;
  /** All volumes, newest first. Their handles only tell. */
  list(): Promise<VolumeHandle[]>;
  /**
   * Removes a volume with everything in it.
   *
   * @throws VolumeNotFoundError
   * @throws InvalidConfigError while a sandbox has it mounted
   */
  remove(name: string): Promise<void>;
}

const statics: VolumeStatics = {
  builder: (name) => new VolumeBuilder(name),
  get: async (name) => {
    assertVolumeName(name);
    const backend = currentBackend().local('Volume::get');
    const row = await backend.reading((catalog) => catalog.read((db) => volumeByName(db, name)));
    if (row === null) throw volumeNotFound(name);
    return VolumeHandle.live(row, backend, volumePlace(await backend.layout(), name).dir);
  },
  getDefault: async () => {
    throw new UnsupportedError('Volume::get_default is not supported by this backend: use a cloud backend');
  },
  list: async () => {
    const backend = currentBackend().local('Volume::list');
    const rows = await backend.reading((catalog) => catalog.read(listVolumes));
    return rows.map((row) => VolumeHandle.listed(row));
  },
  remove: (name) => removeVolume(currentBackend().local('Volume::remove'), name),
};

/** Named volumes; see {@link VolumeInstance}. */
export const Volume: typeof VolumeInstance & VolumeStatics = Object.assign(VolumeInstance, statics);
export type Volume = VolumeInstance;
