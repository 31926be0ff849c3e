import { VolumeFs } from './volume-fs.ts';

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

  /** @internal Use `Volume.builder()`. */
  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
  }

  /** Its files, from the host. */
  fs(): VolumeFs {
    return new VolumeFs(this.path);
  }
}
