import { InvalidConfigError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import type { SandboxBuilder } from 'microsandbox';
import type { SandboxFile } from './sandbox-schema.ts';

/** What a new sandbox stands on. */
export interface WantedImage {
  /** As it is shown while it is fetched. */
  readonly name: string;
  apply(builder: SandboxBuilder): void;
}

/**
 * The image of the command line, else that of configuration files.
 *
 * @throws InvalidConfigError when neither names one
 */
export function wantedImage(argument: string | undefined, file: SandboxFile): WantedImage {
  const image = argument ?? file.image;
  if (image === undefined) {
    throw new InvalidConfigError(
      'missing required sandbox field `image`; provide an image argument or set `image` in --conf',
      { hint: 'for instance: msb run alpine -- echo hello' },
    );
  }
  if (typeof image === 'string') return { name: image, apply: (builder) => builder.image(image) };
  const { oci, snapshot, disk, bind, upper_size, fstype } = image;
  if (snapshot !== undefined) return { name: snapshot, apply: (builder) => builder.fromSnapshot(snapshot) };
  const name = oci ?? disk ?? bind ?? '';
  return {
    name,
    apply: (builder) =>
      builder.imageWith((source) => {
        if (oci !== undefined) source.oci(oci);
        if (disk !== undefined) source.disk(disk);
        if (bind !== undefined) source.bind(bind);
        if (upper_size !== undefined) source.rootDisk(parseSizeMib(upper_size));
        if (fstype !== undefined) source.fstype(fstype);
        return source;
      }),
  };
}
