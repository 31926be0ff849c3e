import { BLOCK_BYTES } from './ext4-format.ts';
import { backupGroups, type Geometry, groupStart } from './geometry.ts';
import type { InodeFields } from './inode.ts';

/** Direct, indirect and double-indirect reach of a file without extents: what Linux expects as its size. */
const SIZE_BYTES = (1024 ** 2 + 1024 + 12) * BLOCK_BYTES;
const DOUBLE_INDIRECT_OFFSET = 13 * 4;

/**
 * Fields of the inode that owns the blocks reserved for later group descriptors, so that a mounted file system can
 * grow. Source: Linux, fs/ext4/resize.c.
 */
export function resizeInodeFields(geometry: Geometry, resizeBlock: number): InodeFields {
  const iBlock = Buffer.alloc(60);
  iBlock.writeUInt32LE(resizeBlock, DOUBLE_INDIRECT_OFFSET);
  return {
    mode: 0o100600,
    uid: 0,
    gid: 0,
    seconds: 0,
    nanoseconds: 0,
    size: SIZE_BYTES,
    links: 1,
    blocks: 1 + geometry.reservedGdtBlocks * (1 + backupGroups(geometry).length),
    flags: 0,
    iBlock,
    xattrBlock: undefined,
    inlineXattrs: undefined,
  };
}

/** The double-indirect block: entry n names the reserved block that would be descriptor block n. */
export function encodeResizeBlock({ gdtBlocks, reservedGdtBlocks }: Geometry): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let k = 0; k < reservedGdtBlocks; k++) block.writeUInt32LE(1 + gdtBlocks + k, (gdtBlocks + k) * 4);
  return block;
}

/** The reserved blocks of group 0, each of which lists its copies in the backup groups. */
export function encodeReservedBlocks(geometry: Geometry): Buffer {
  const backups = backupGroups(geometry);
  const blocks = Buffer.alloc(geometry.reservedGdtBlocks * BLOCK_BYTES);
  for (let k = 0; k < geometry.reservedGdtBlocks; k++) {
    const own = 1 + geometry.gdtBlocks + k;
    backups.forEach((group, i) => {
      blocks.writeUInt32LE(own + groupStart(group), k * BLOCK_BYTES + i * 4);
    });
  }
  return blocks;
}
