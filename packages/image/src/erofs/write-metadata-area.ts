import type { BatchWriter } from '../io/batch-writer.ts';
import { packDirectory, writeDirectoryBlock } from './directory-blocks.ts';
import { directoryEntries } from './directory-entries.ts';
import {
  alignUp,
  BLOCK_BYTES,
  CHUNK_INDEX_BYTES,
  INODE_BYTES,
  LAYOUT_CHUNKS,
  LAYOUT_INLINE,
  SLOT_BYTES,
} from './erofs-format.ts';
import type { FileChunks, ImageContent } from './image-layout.ts';
import type { PlannedInode } from './image-plan.ts';
import { writeXattrs } from './inline-xattrs.ts';
import { writeInode } from './inode.ts';

/** Writes all inodes with what belongs behind them, and pads to a whole block. */
export async function writeMetadataArea(out: BatchWriter, content: ImageContent): Promise<void> {
  const { layout, chunksOf, signal } = content;
  for (const inode of layout.plan.inodes) {
    if (inode.layout === LAYOUT_CHUNKS && inode.node.kind === 'file' && inode.size > 0) {
      writeSlots(
        out,
        inode,
        alignUp(INODE_BYTES + inode.xattrBytes, CHUNK_INDEX_BYTES),
        layout.firstDataBlock,
      );
      await writeChunkIndexes(out, Math.ceil(inode.size / BLOCK_BYTES), chunksOf?.(inode.node));
    } else {
      writeSlots(out, inode, inode.metadataBytes, layout.firstDataBlock);
    }
    if (out.congested) {
      signal?.throwIfAborted();
      await out.drain();
    }
  }
  out.align(BLOCK_BYTES);
}

/** An inode, its extended attributes and its inline data, in `bytes` bytes. */
function writeSlots(out: BatchWriter, inode: PlannedInode, bytes: number, firstDataBlock: number): void {
  const { node, xattrBytes } = inode;
  const offset = out.take(bytes);
  const target = out.buffer;
  target.fill(0, offset, offset + bytes);
  writeInode(target, offset, inode, firstDataBlock);
  if (xattrBytes > 0 && 'xattrs' in node) writeXattrs(target, offset + INODE_BYTES, node.xattrs);
  if (inode.layout === LAYOUT_INLINE) writeTail(target, offset + INODE_BYTES + xattrBytes, inode);
}

/** What of a directory or symbolic link is left after its whole blocks. */
function writeTail(target: Buffer, offset: number, inode: PlannedInode): void {
  const { node } = inode;
  if (node.kind === 'symlink') {
    target.write(node.target.slice(inode.dataBlocks * BLOCK_BYTES), offset, 'latin1');
  } else if (inode.listing !== null) {
    const last = [...packDirectory(inode.listing.names)].at(-1);
    if (last !== undefined) writeDirectoryBlock(target, offset, last, directoryEntries(inode));
  }
}

/** Eight bytes a chunk: 0, device id (16 bits each), block on that device (32 bits). */
async function writeChunkIndexes(
  out: BatchWriter,
  chunks: number,
  place: FileChunks | undefined,
): Promise<void> {
  if (place === undefined) throw new TypeError('an image with chunk lists needs chunksOf');
  const step = 4096;
  for (let first = 0; first < chunks; first += step) {
    const count = Math.min(step, chunks - first);
    let at = out.take(count * CHUNK_INDEX_BYTES);
    for (let chunk = first; chunk < first + count; chunk++) {
      out.buffer.writeUInt32LE((place.device << 16) >>> 0, at);
      out.buffer.writeUInt32LE(place.startBlock + chunk, at + 4);
      at += CHUNK_INDEX_BYTES;
    }
    if (out.congested) await out.drain();
  }
  out.align(SLOT_BYTES);
}
