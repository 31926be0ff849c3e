import { crc32c } from '../checksum/crc32c.ts';
import { encodeBlockBitmap, encodeInodeBitmap } from './bitmaps.ts';
import type { BlockRun } from './block-space.ts';
import { encodeDirectory } from './directory-blocks.ts';
import { atBlock, type DiskRegion } from './disk-region.ts';
import {
  BLOCK_BYTES,
  CRC_START,
  INODE_BYTES,
  INODES_PER_GROUP,
  JOURNAL_INODE,
  RESIZE_INODE,
  SUPERBLOCK_OFFSET,
} from './ext4-format.ts';
import { encodeExtentLeaf } from './extent-tree.ts';
import { backupGroups, groupBlocks, groupStart, leadBlocks } from './geometry.ts';
import { encodeGroupDescriptors, type GroupState, groupStates } from './group-descriptors.ts';
import { encodeInode } from './inode.ts';
import { inodeSeed } from './inode-seed.ts';
import { encodeJournalSuperblock, journalInodeFields } from './journal.ts';
import type { NumberedInode } from './number-inodes.ts';
import { type Ext4Plan, type InodePlacement, isFastSymlink } from './plan-ext4.ts';
import { encodeReservedBlocks, encodeResizeBlock, resizeInodeFields } from './resize-inode.ts';
import { encodeSuperblock } from './superblock.ts';
import { type MetadataMode, treeInodeFields } from './tree-inode.ts';
import { encodeXattrBlock } from './xattrs.ts';

export interface MetadataRegionsOptions {
  readonly uuid: Uint8Array;
  readonly mode: MetadataMode;
}

/** Everything of a file system that is not the content of a regular file. What is not mentioned stays zero. */
export function* metadataRegions(plan: Ext4Plan, options: MetadataRegionsOptions): Generator<DiskRegion> {
  const seed = crc32c(options.uuid, CRC_START);
  const states = groupStates(plan);
  yield* superblockRegions(plan, states, options.uuid, seed);
  yield* bitmapRegions(plan, states);
  yield* inodeTableRegions(plan, states, options.mode, seed);
  for (const [inode, placement] of plan.placements) yield* contentRegions(inode, placement, seed);
  yield atBlock(plan.resizeBlock, encodeResizeBlock(plan.geometry));
  yield atBlock(plan.journal.start, encodeJournalSuperblock(plan.journal.count, options.uuid));
}

function* superblockRegions(
  plan: Ext4Plan,
  states: readonly GroupState[],
  uuid: Uint8Array,
  seed: number,
): Generator<DiskRegion> {
  const { geometry } = plan;
  const used = states.reduce((sum, { usedBlocks }) => sum + usedBlocks, 0);
  const input = { plan, uuid, freeBlocks: geometry.blocks - used };
  const descriptors = encodeGroupDescriptors(plan, states, seed);
  yield { offset: SUPERBLOCK_OFFSET, bytes: encodeSuperblock(input, 0) };
  yield atBlock(1, Buffer.concat([descriptors, encodeReservedBlocks(geometry)]));
  for (const group of backupGroups(geometry)) {
    const start = groupStart(group);
    yield atBlock(start, encodeSuperblock(input, group));
    yield atBlock(start + 1, descriptors);
  }
}

function* bitmapRegions({ geometry }: Ext4Plan, states: readonly GroupState[]): Generator<DiskRegion> {
  for (const [group, { usedBlocks, usedInodes }] of states.entries()) {
    const blockBitmap = encodeBlockBitmap(usedBlocks, groupBlocks(geometry, group));
    const bytes = Buffer.concat([blockBitmap, encodeInodeBitmap(usedInodes)]);
    yield atBlock(groupStart(group) + leadBlocks(geometry, group), bytes);
  }
}

function* inodeTableRegions(
  plan: Ext4Plan,
  states: readonly GroupState[],
  mode: MetadataMode,
  seed: number,
): Generator<DiskRegion> {
  const { geometry, tree } = plan;
  for (const [group, { usedInodes }] of states.entries()) {
    if (usedInodes === 0) return;
    const first = group * INODES_PER_GROUP + 1;
    const table = Buffer.alloc(usedInodes * INODE_BYTES);
    const put = (number: number, bytes: Buffer): void => {
      bytes.copy(table, (number - first) * INODE_BYTES);
    };
    if (group === 0) {
      const { root } = tree;
      put(root.number, encodeTreeInode(plan, root, mode, seed));
      put(RESIZE_INODE, encodeInode(RESIZE_INODE, resizeInodeFields(geometry, plan.resizeBlock), seed));
      put(JOURNAL_INODE, encodeInode(JOURNAL_INODE, journalInodeFields(plan.journal), seed));
    }
    for (let number = Math.max(first, 11); number < first + usedInodes; number++) {
      put(number, encodeTreeInode(plan, tree.byNumber[number - 11] as NumberedInode, mode, seed));
    }
    yield atBlock(groupStart(group) + leadBlocks(geometry, group) + 2, table);
  }
}

function encodeTreeInode(plan: Ext4Plan, inode: NumberedInode, mode: MetadataMode, seed: number): Buffer {
  const placement = plan.placements.get(inode) as InodePlacement;
  return encodeInode(inode.number, treeInodeFields(inode, placement, mode), seed);
}

/** Blocks of a directory or long link, and of the lists that did not fit in the inode. */
function* contentRegions(
  inode: NumberedInode,
  placement: InodePlacement,
  seed: number,
): Generator<DiskRegion> {
  const { runs, leafBlock, xattrs, xattrBlock } = placement;
  const own = inodeSeed(seed, inode.number);
  if (inode.kind === 'directory') {
    const blocks = runs.reduce((sum, { count }) => sum + count, 0);
    yield* cutIntoRuns(encodeDirectory(inode.entries, blocks, own), runs);
  } else if (inode.node.kind === 'symlink' && !isFastSymlink(inode.node)) {
    yield* cutIntoRuns(Buffer.from(inode.node.target, 'latin1'), runs);
  }
  if (leafBlock !== undefined) yield atBlock(leafBlock, encodeExtentLeaf(runs, own));
  if (xattrs !== undefined && xattrBlock !== undefined) {
    yield atBlock(xattrBlock, encodeXattrBlock(xattrs, xattrBlock, seed));
  }
}

function* cutIntoRuns(bytes: Buffer, runs: readonly BlockRun[]): Generator<DiskRegion> {
  let done = 0;
  for (const { start, count } of runs) {
    yield atBlock(start, bytes.subarray(done, done + count * BLOCK_BYTES));
    done += count * BLOCK_BYTES;
  }
}
