import { crc32c } from '../../checksum/crc32c.ts';
import { clearBits, countFree } from '../bitmaps.ts';
import { atBlock, type DiskRegion } from '../disk-region.ts';
import { BLOCK_BYTES, DESCRIPTOR_BYTES, INODES_PER_GROUP } from '../ext4-format.ts';
import { type Geometry, groupBlocks, groupMetadataBlocks, groupStart, leadBlocks } from '../geometry.ts';
import { DescriptorEncoder, setFreeBlocks } from '../group-descriptors.ts';
import type { Ext4Image } from '../stored/read-ext4-image.ts';
import { descriptorBytes, totalsOf } from '../stored/stored-descriptors.ts';
import { setFreeCounters } from '../stored/stored-superblock.ts';
import { sealSuperblock } from '../superblock.ts';

/** What a larger file system says of itself. */
export interface Growth {
  readonly image: Ext4Image;
  readonly geometry: Geometry;
  /** All descriptors, padded with zeros to whole blocks. */
  readonly descriptors: Buffer;
  readonly superblock: Buffer;
  /** Changes in the group that was the last and short; none when it was full. */
  readonly lastGroup: readonly DiskRegion[];
}

/** Releases up to 0.6.8 kept the overhead where Linux counts errors. */
const LEGACY_OVERHEAD_OFFSET = 0x194;
const OVERHEAD_OFFSET = 0x248;

/** Block of the last group's bitmap when the group is short, or null. */
export function shortGroupBitmap({ superblock }: Ext4Image, geometry: Geometry): number | null {
  const old = superblock.geometry;
  const last = old.groups - 1;
  if (groupBlocks(geometry, last) === groupBlocks(old, last)) return null;
  return groupStart(last) + leadBlocks(old, last);
}

/** Plans how an image grows to `geometry`. `lastBitmap` is the block that {@link shortGroupBitmap} names. */
export function planGrowth(image: Ext4Image, geometry: Geometry, lastBitmap: Buffer | null): Growth {
  const { geometry: old, seed } = image.superblock;
  const descriptors = Buffer.alloc(geometry.gdtBlocks * BLOCK_BYTES);
  image.descriptors.copy(descriptors);
  const lastGroup =
    lastBitmap === null ? [] : extendLastGroup({ old, geometry, seed, descriptors, bitmap: lastBitmap });
  const encoder = new DescriptorEncoder(geometry, seed);
  for (let group = old.groups; group < geometry.groups; group++) {
    const state = { usedBlocks: groupMetadataBlocks(geometry, group), usedInodes: 0, usedDirectories: 0 };
    encoder.encode(group, state).copy(descriptors, group * DESCRIPTOR_BYTES);
  }
  return {
    image,
    geometry,
    descriptors,
    superblock: grownSuperblock(image, geometry, descriptors),
    lastGroup,
  };
}

/** The superblock's copy for a group that did not exist when it was planned. */
export function backupOf(superblock: Buffer, group: number): Buffer {
  const bytes = Buffer.from(superblock);
  bytes.writeUInt16LE(group & 0xffff, 0x5a);
  sealSuperblock(bytes);
  return bytes;
}

/** What was padding in the bitmap of a short group becomes free blocks. */
function extendLastGroup(input: {
  readonly old: Geometry;
  readonly geometry: Geometry;
  readonly seed: number;
  readonly descriptors: Buffer;
  readonly bitmap: Buffer;
}): DiskRegion[] {
  const { old, geometry, seed, descriptors } = input;
  const group = old.groups - 1;
  const bitmap = Buffer.from(input.bitmap);
  const blocks = groupBlocks(geometry, group);
  clearBits(bitmap, groupBlocks(old, group), blocks);
  const descriptor = descriptorBytes(descriptors, group);
  const state = { free: countFree(bitmap, 0, blocks), checksum: crc32c(bitmap, seed) };
  setFreeBlocks(descriptor, state, group, seed);
  return [
    atBlock(groupStart(group) + leadBlocks(old, group), bitmap),
    { offset: BLOCK_BYTES + group * DESCRIPTOR_BYTES, bytes: descriptor },
  ];
}

function grownSuperblock({ superblock }: Ext4Image, geometry: Geometry, descriptors: Buffer): Buffer {
  const { geometry: old, layout } = superblock;
  const bytes = Buffer.from(superblock.bytes);
  bytes.writeUInt32LE(geometry.groups * INODES_PER_GROUP, 0x00);
  bytes.writeUInt32LE(geometry.blocks % 2 ** 32, 0x04);
  bytes.writeUInt32LE(Math.floor(geometry.blocks / 2 ** 32), 0x150);
  bytes.writeUInt16LE(geometry.reservedGdtBlocks, 0xce);
  const overheadAt = layout === 'legacy' ? LEGACY_OVERHEAD_OFFSET : OVERHEAD_OFFSET;
  let overhead = bytes.readUInt32LE(overheadAt);
  for (let group = old.groups; group < geometry.groups; group++) {
    overhead += groupMetadataBlocks(geometry, group);
  }
  bytes.writeUInt32LE(overhead % 2 ** 32, overheadAt);
  setFreeCounters(bytes, totalsOf(descriptors.subarray(0, geometry.groups * DESCRIPTOR_BYTES)));
  return bytes;
}
