import { BLOCK_BYTES, DESCRIPTOR_BYTES, INODES_PER_GROUP } from '../ext4-format.ts';
import { type Geometry, groupBlocks, groupStart, leadBlocks } from '../geometry.ts';
import { descriptorChecksum, INODE_ZEROED } from '../group-descriptors.ts';
import type { Ext4File } from './ext4-file.ts';
import { readSplit16, readSplit32 } from './split-numbers.ts';
import type { StoredSuperblock } from './stored-superblock.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** What a group's descriptor says about it. */
export interface StoredDescriptor {
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blockBitmapChecksum: number;
  readonly inodeBitmapChecksum: number;
}

/**
 * Reads the primary copy of all descriptors, without the padding of the last block. Every group's bitmaps and inode
 * table must be where this formatter puts them.
 *
 * @throws {ImageError} `unsupported ext4 image: …`
 */
export async function readDescriptors(file: Ext4File, { geometry, seed }: StoredSuperblock): Promise<Buffer> {
  const table = await file.read(BLOCK_BYTES, geometry.groups * DESCRIPTOR_BYTES);
  for (let group = 0; group < geometry.groups; group++) {
    assertDescriptor(descriptorBytes(table, group), group, geometry, seed);
  }
  return table;
}

/** The bytes of one group's descriptor; a view. */
export function descriptorBytes(table: Buffer, group: number): Buffer {
  return table.subarray(group * DESCRIPTOR_BYTES, (group + 1) * DESCRIPTOR_BYTES);
}

/** The descriptor of a group, in its form of 64 bytes: each number has a low and a high half. */
export function parseDescriptor(table: Buffer, group: number): StoredDescriptor {
  const bytes = descriptorBytes(table, group);
  return {
    freeBlocks: readSplit16(bytes, 0x0c, 0x2c),
    freeInodes: readSplit16(bytes, 0x0e, 0x2e),
    blockBitmapChecksum: readSplit16(bytes, 0x18, 0x38),
    inodeBitmapChecksum: readSplit16(bytes, 0x1a, 0x3a),
  };
}

/** Sums over all groups. */
export function totalsOf(table: Buffer): Pick<StoredDescriptor, 'freeBlocks' | 'freeInodes'> {
  let freeBlocks = 0;
  let freeInodes = 0;
  for (let group = 0; group < table.length / DESCRIPTOR_BYTES; group++) {
    const descriptor = parseDescriptor(table, group);
    freeBlocks += descriptor.freeBlocks;
    freeInodes += descriptor.freeInodes;
  }
  return { freeBlocks, freeInodes };
}

function assertDescriptor(bytes: Buffer, group: number, geometry: Geometry, seed: number): void {
  const bitmap = groupStart(group) + leadBlocks(geometry, group);
  const { freeBlocks, freeInodes } = parseDescriptor(bytes, 0);
  const isInPlace =
    readSplit32(bytes, 0x00, 0x20) === bitmap &&
    readSplit32(bytes, 0x04, 0x24) === bitmap + 1 &&
    readSplit32(bytes, 0x08, 0x28) === bitmap + 2;
  if (!isInPlace) throw unsupportedImage(`group ${group} metadata is not at the expected location`);
  if (bytes.readUInt16LE(0x12) !== INODE_ZEROED)
    throw unsupportedImage(`group ${group} has unexpected flags`);
  const covered = Buffer.from(bytes);
  covered.writeUInt16LE(0, 0x1e);
  if (descriptorChecksum(covered, group, seed) !== bytes.readUInt16LE(0x1e)) {
    throw unsupportedImage(`group ${group} descriptor checksum mismatch`);
  }
  if (freeBlocks > groupBlocks(geometry, group) || freeInodes > INODES_PER_GROUP) {
    throw unsupportedImage(`group ${group} free-space counters do not match bitmaps`);
  }
}
