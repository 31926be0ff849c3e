import { stat } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import { hostFileError } from '../../io/host-file-error.ts';
import { growImage } from './grow-image.ts';
import { OverCapacityError } from './over-capacity-error.ts';

const MIB = 1024 * 1024;

export interface GrowDiskOptions {
  readonly path: string;
  /** Wanted size in MiB; the disk is left alone when it is that large already. */
  readonly sizeMib: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the writable disk of a stopped sandbox at least so large, but for up to 3 MiB that the file system could not
 * use. Does nothing when it is.
 *
 * @throws {InvalidConfigError} when only a new disk could be so large.
 * @throws {ImageError} when the disk is damaged or not one that this package made.
 */
export async function growUpperDisk(options: GrowDiskOptions): Promise<void> {
  const { path, sizeMib } = options;
  try {
    await growDisk(options);
  } catch (error) {
    if (!(error instanceof OverCapacityError)) throw error;
    const maximumMib = Math.floor(error.maximumBytes / MIB);
    throw new InvalidConfigError(
      `cannot grow oci upper size to ${sizeMib} MiB: the existing upper.ext4 can grow to at most ` +
        `${maximumMib} MiB; recreate the sandbox for a larger upper`,
      { cause: error, hint: `${path} was made with room for that many group descriptors` },
    );
  }
}

/** The same for any disk, with the errors of {@link growImage}. */
export async function growDisk({ path, sizeMib, signal }: GrowDiskOptions): Promise<void> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw hostFileError('read', path, error);
  });
  if (size >= sizeMib * MIB) return;
  await growImage(path, sizeMib * MIB, { fit: true, signal });
}
