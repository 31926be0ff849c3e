import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImageError, InvalidConfigError, MicrosandboxError } from '@microsandbox/types';
import { pathExists, syncDirectory } from '@microsandbox/utils';
import { growImage } from '../ext4/grow/grow-image.ts';
import { type GrowDiskOptions, growDisk } from '../ext4/grow/grow-upper-disk.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { type CloneStrategy, cloneDisk } from './clone-disk.ts';

const MIB = 1024 * 1024;
const DEFAULT_MIB = 4096;

export interface CreateFlatDiskOptions {
  /** The flat image, as {@link materializeFlat} gives it. */
  readonly imagePath: string;
  /** Where the sandbox's disk goes (`rootfs.raw`); nothing may be there. */
  readonly path: string;
  /** 4096, or what the image needs if that is more, when absent. */
  readonly sizeMib?: number | undefined;
  /** `auto` when absent. */
  readonly clone?: CloneStrategy | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CreatedFlatDisk {
  readonly clone: 'copy' | 'reflink';
  readonly sizeBytes: number;
}

/**
 * Makes a sandbox's own disk of a flat image: a clone, made larger. It appears under its name when it is complete and
 * synced.
 *
 * @throws {InvalidConfigError} when the image needs a larger disk.
 * @throws {ImageError} when something is in the way, or the image cannot be cloned.
 */
export async function createFlatDisk(options: CreateFlatDiskOptions): Promise<CreatedFlatDisk> {
  const { imagePath, path, clone = 'auto', signal } = options;
  const imageBytes = await sizeOfImage(imagePath);
  const targetMib = targetSize(imageBytes, options.sizeMib);
  if (await pathExists(path)) {
    throw new ImageError(`flat rootfs already exists at ${path}`, { hint: 'remove the sandbox first' });
  }
  const temporary = path.replace(/(\.raw)?$/, '.raw.part');
  try {
    await rm(temporary, { force: true });
    const done = await cloneDisk(imagePath, temporary, { strategy: clone, signal });
    const sizeBytes = await grow(temporary, Math.max(targetMib * MIB, imageBytes), imageBytes, signal);
    await publish(temporary, path);
    return { clone: done, sizeBytes };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes the flat disk of a stopped sandbox at least so large; nothing happens when it is.
 *
 * @throws {ImageError} or {InvalidConfigError} `failed to grow flat rootfs: …`
 */
export async function growFlatDisk(options: GrowDiskOptions): Promise<void> {
  try {
    await growDisk(options);
  } catch (error) {
    throw explained('failed to grow flat rootfs', error);
  }
}

function targetSize(imageBytes: number, sizeMib: number | undefined): number {
  const minimumMib = Math.ceil(imageBytes / MIB);
  if (sizeMib === undefined) return Math.max(DEFAULT_MIB, minimumMib);
  if (sizeMib >= minimumMib) return sizeMib;
  throw new InvalidConfigError(
    `flat root disk must be at least ${minimumMib} MiB for this image (requested ${sizeMib} MiB)`,
    { hint: `ask for ${minimumMib} MiB or more` },
  );
}

async function grow(
  path: string,
  targetBytes: number,
  presentBytes: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (targetBytes === presentBytes) return presentBytes;
  try {
    return await growImage(path, targetBytes, { fit: true, signal });
  } catch (error) {
    throw explained('failed to grow cloned flat rootfs', error);
  }
}

async function publish(temporary: string, path: string): Promise<void> {
  try {
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw hostFileError('write', path, error);
  }
}

async function sizeOfImage(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(`cannot read flat rootfs artifact at ${path}: ${reason}`, {
      cause: error,
      hint: 'pull the image again',
    });
  }
}

/** The same error with what was being done before its reason. */
function explained(what: string, cause: unknown): unknown {
  if (!(cause instanceof MicrosandboxError)) return cause;
  return new MicrosandboxError(cause.code, `${what}: ${cause.message}`, {
    cause,
    ...(cause.hint !== undefined && { hint: cause.hint }),
  });
}
