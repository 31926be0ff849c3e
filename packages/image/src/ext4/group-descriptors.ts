import { crc32c } from '../checksum/crc32c.ts';
import { encodeBlockBitmap, encodeInodeBitmap, inodeBitmapChecksum } from './bitmaps.ts';
import { BLOCK_BYTES, DESCRIPTOR_BYTES, INODES_PER_GROUP } from './ext4-format.ts';
import { type Geometry, groupBlocks, groupStart, leadBlocks } from './geometry.ts';
import type { Ext4Plan } from './plan-ext4.ts';

/** Flag of groups whose inode table needs no cleaning. */
export const INODE_ZEROED = 0x04;

/** What is counted and summed for one group. */
export interface GroupState {
  readonly usedBlocks: number;
  readonly usedInodes: number;
  readonly usedDirectories: number;
}

/** State of every group after the plan is carried out. */
export function groupStates(plan: Ext4Plan): GroupState[] {
  const directories = new Array<number>(plan.geometry.groups).fill(0);
  directories[0] = 1;
  for (const inode of plan.tree.byNumber) {
    if (inode.kind !== 'directory') continue;
    const group = Math.floor((inode.number - 1) / INODES_PER_GROUP);
    directories[group] = (directories[group] as number) + 1;
  }
  return directories.map((usedDirectories, group) => ({
    usedBlocks: plan.space.usedBlocks(group),
    usedInodes: Math.min(Math.max(plan.lastInode - group * INODES_PER_GROUP, 0), INODES_PER_GROUP),
    usedDirectories,
  }));
}

/** All group descriptors, padded to whole blocks. */
export function encodeGroupDescriptors(plan: Ext4Plan, states: readonly GroupState[], seed: number): Buffer {
  const { geometry } = plan;
  const table = Buffer.alloc(geometry.gdtBlocks * BLOCK_BYTES);
  const encoder = new DescriptorEncoder(geometry, seed);
  states.forEach((state, group) => {
    encoder.encode(group, state).copy(table, group * DESCRIPTOR_BYTES);
  });
  return table;
}

/**
 * Encodes descriptors of groups whose used blocks and inodes are the first ones. Source: Linux, fs/ext4/ext4.h,
 * struct ext4_group_desc.
 */
export class DescriptorEncoder {
  readonly #geometry: Geometry;
  readonly #seed: number;
  readonly #checksums: BitmapChecksums;

  constructor(geometry: Geometry, seed: number) {
    this.#geometry = geometry;
    this.#seed = seed;
    this.#checksums = new BitmapChecksums(seed);
  }

  encode(group: number, state: GroupState): Buffer {
    const bytes = Buffer.alloc(DESCRIPTOR_BYTES);
    const blocks = groupBlocks(this.#geometry, group);
    const bitmap = groupStart(group) + leadBlocks(this.#geometry, group);
    const freeInodes = INODES_PER_GROUP - state.usedInodes;
    writeSplit32(bytes, bitmap, 0x00, 0x20);
    writeSplit32(bytes, bitmap + 1, 0x04, 0x24);
    writeSplit32(bytes, bitmap + 2, 0x08, 0x28);
    writeSplit16(bytes, freeInodes, 0x0e, 0x2e);
    writeSplit16(bytes, state.usedDirectories, 0x10, 0x30);
    bytes.writeUInt16LE(INODE_ZEROED, 0x12);
    writeSplit16(bytes, this.#checksums.ofInodes(state.usedInodes), 0x1a, 0x3a);
    writeSplit16(bytes, freeInodes, 0x1c, 0x32);
    const checksum = this.#checksums.ofBlocks(state.usedBlocks, blocks);
    setFreeBlocks(bytes, { free: blocks - state.usedBlocks, checksum }, group, this.#seed);
    return bytes;
  }
}

/** Changes what a descriptor says of its block bitmap. */
export function setFreeBlocks(
  descriptor: Buffer,
  bitmap: { readonly free: number; readonly checksum: number },
  group: number,
  seed: number,
): void {
  writeSplit16(descriptor, bitmap.free, 0x0c, 0x2c);
  writeSplit16(descriptor, bitmap.checksum, 0x18, 0x38);
  descriptor.writeUInt16LE(0, 0x1e);
  descriptor.writeUInt16LE(descriptorChecksum(descriptor, group, seed), 0x1e);
}

/** Checksum of a descriptor whose checksum field is zero. */
export function descriptorChecksum(descriptor: Buffer, group: number, seed: number): number {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(group, 0);
  return crc32c(descriptor, crc32c(number, seed)) & 0xffff;
}

/** Most groups of a large file system are empty and alike: each kind of bitmap is summed once. */
class BitmapChecksums {
  readonly #seed: number;
  readonly #known = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  ofBlocks(used: number, blocks: number): number {
    return this.#once(`blocks ${used} ${blocks}`, () => crc32c(encodeBlockBitmap(used, blocks), this.#seed));
  }

  ofInodes(used: number): number {
    return this.#once(`inodes ${used}`, () => inodeBitmapChecksum(encodeInodeBitmap(used), this.#seed));
  }

  #once(key: string, compute: () => number): number {
    const checksum = this.#known.get(key) ?? compute();
    this.#known.set(key, checksum);
    return checksum;
  }
}

function writeSplit32(target: Buffer, value: number, low: number, high: number): void {
  target.writeUInt32LE(value % 2 ** 32, low);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), high);
}

function writeSplit16(target: Buffer, value: number, low: number, high: number): void {
  target.writeUInt16LE(value & 0xffff, low);
  target.writeUInt16LE(value >>> 16, high);
}
