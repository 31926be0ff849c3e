import { ImageError, InvalidConfigError } from '@microsandbox/types';
import { BLOCK_BYTES, BLOCKS_PER_GROUP, DESCRIPTOR_BYTES, SUPERBLOCK_OFFSET } from '../ext4-format.ts';
import { divide, type Geometry, groupBlocks, groupMetadataBlocks, lastGroupFits } from '../geometry.ts';
import { recoverExt4 } from '../recovery/recover-ext4.ts';
import { Ext4File } from '../stored/ext4-file.ts';
import type { Ext4Image } from '../stored/read-ext4-image.ts';
import { type Growth, planGrowth, shortGroupBitmap } from './growth.ts';
import { hiddenRegions } from './growth-regions.ts';
import { OverCapacityError } from './over-capacity-error.ts';
import { UndoLog } from './undo-log.ts';

const MAX_BLOCKS = 2 ** 32 - 1;

export interface GrowImageOptions {
  /** Leaves out a last piece of less than 3 MiB that could not hold its own metadata, instead of refusing it. */
  readonly fit?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the file system in an image larger, in place, without mounting it. No process may use the image. A journal
 * that the last use left behind is replayed before. A growth that fails is taken back; one whose process is killed
 * leaves a file that cannot be grown any more.
 *
 * @param sizeBytes New size: a multiple of 4096, larger than the present one.
 * @throws {InvalidConfigError} when that size is not possible; {@link OverCapacityError} when only a new disk could
 * have it.
 * @throws {ImageError} `unsupported ext4 image: …` for what this formatter did not make, or what is damaged.
 * @throws {MicrosandboxError} `noSpace`, or the signal's reason.
 * @returns Its size afterwards, bytes.
 */
export async function growImage(
  path: string,
  sizeBytes: number,
  { fit = false, signal }: GrowImageOptions = {},
): Promise<number> {
  await using file = await Ext4File.open(path, 'write');
  const image = await recoverExt4(file);
  const geometry = planSize(image, sizeBytes, fit);
  if (geometry.blocks === image.superblock.geometry.blocks) return file.size;
  const bitmapBlock = shortGroupBitmap(image, geometry);
  const lastBitmap = bitmapBlock === null ? null : await file.readBlocks(bitmapBlock);
  const undo = new UndoLog(file);
  try {
    await carryOut(file, undo, planGrowth(image, geometry, lastBitmap), signal);
    return file.size;
  } catch (error) {
    await takeBack(undo, path, error);
    throw error;
  }
}

async function takeBack(undo: UndoLog, path: string, cause: unknown): Promise<void> {
  try {
    await undo.takeBack();
  } catch {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`${path} is damaged: growing it failed and could not be taken back: ${reason}`, {
      cause,
      hint: 'make the disk anew',
    });
  }
}

/** The order makes the old superblock true until the new one is. */
async function carryOut(
  file: Ext4File,
  undo: UndoLog,
  growth: Growth,
  signal: AbortSignal | undefined,
): Promise<void> {
  await file.resize(growth.geometry.blocks * BLOCK_BYTES);
  for (const region of hiddenRegions(growth)) {
    signal?.throwIfAborted();
    await undo.write(region);
  }
  await file.sync();
  for (const region of growth.lastGroup) await undo.write(region);
  if (growth.lastGroup.length > 0) await file.sync();
  await undo.write({ offset: SUPERBLOCK_OFFSET, bytes: growth.superblock });
  await file.sync();
}

/** The geometry after the growth; the present one when only the unusable piece would be new. */
function planSize({ superblock }: Ext4Image, sizeBytes: number, fit: boolean): Geometry {
  const old = superblock.geometry;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes % BLOCK_BYTES !== 0) {
    throw invalid(`image size must be aligned to ${BLOCK_BYTES} bytes`);
  }
  const blocks = sizeBytes / BLOCK_BYTES;
  if (blocks > MAX_BLOCKS) {
    throw new InvalidConfigError(
      `image is too large for ext4 formatting: requested ${blocks} blocks, maximum is ${MAX_BLOCKS} blocks`,
    );
  }
  if (blocks <= old.blocks) {
    const from = old.blocks * BLOCK_BYTES;
    throw invalid(
      `cannot grow image from ${from} to ${sizeBytes} bytes: the new size must be larger than the current size`,
    );
  }
  const span = old.gdtBlocks + old.reservedGdtBlocks;
  const capacity = Math.min(((span * BLOCK_BYTES) / DESCRIPTOR_BYTES) * BLOCKS_PER_GROUP, MAX_BLOCKS);
  if (blocks > capacity) throw new OverCapacityError(sizeBytes, capacity * BLOCK_BYTES);
  const geometry = divide(blocks, span);
  if (!lastGroupFits(geometry)) {
    if (fit) return divide(Math.max((geometry.groups - 1) * BLOCKS_PER_GROUP, old.blocks), span);
    const last = geometry.groups - 1;
    throw invalid(
      `block group ${last} has ${groupBlocks(geometry, last)} blocks but needs at least ` +
        `${groupMetadataBlocks(geometry, last)} metadata blocks; choose a size that leaves either no partial ` +
        'group or a larger final group',
    );
  }
  return geometry;
}

function invalid(reason: string): InvalidConfigError {
  return new InvalidConfigError(`invalid ext4 image size: ${reason}`);
}
