import type { BatchWriter } from '../io/batch-writer.ts';
import { packDirectory, writeDirectoryBlock } from './directory-blocks.ts';
import { directoryEntries } from './directory-entries.ts';
import { BLOCK_BYTES } from './erofs-format.ts';
import type { FileDataWriter } from './file-data-writer.ts';
import type { ImageContent } from './image-layout.ts';
import type { PlannedInode } from './image-plan.ts';

/** Writes the data blocks of all inodes, in their order. */
export async function writeDataArea(
  out: BatchWriter,
  files: FileDataWriter,
  { layout, signal }: ImageContent,
): Promise<void> {
  for (const inode of layout.plan.inodes) {
    if (inode.dataBlocks === 0) continue;
    if (inode.node.kind === 'file') {
      await files.write(inode.node, signal);
    } else {
      files.startReads();
      await writeBlocks(out, inode);
    }
    if (out.congested) {
      signal?.throwIfAborted();
      await out.drain();
    }
  }
  files.startReads();
}

async function writeBlocks(out: BatchWriter, inode: PlannedInode): Promise<void> {
  if (inode.node.kind === 'symlink') {
    out.append(Buffer.from(inode.node.target.slice(0, inode.dataBlocks * BLOCK_BYTES), 'latin1'));
    out.align(BLOCK_BYTES);
  } else if (inode.listing !== null) {
    await writeDirectoryBlocks(out, inode, inode.listing.names);
  }
}

async function writeDirectoryBlocks(
  out: BatchWriter,
  inode: PlannedInode,
  names: readonly string[],
): Promise<void> {
  const entries = directoryEntries(inode);
  let written = 0;
  for (const block of packDirectory(names)) {
    // The last block may be behind the inode instead.
    if (written === inode.dataBlocks) break;
    const offset = out.take(BLOCK_BYTES);
    writeDirectoryBlock(out.buffer, offset, block, entries);
    out.buffer.fill(0, offset + block.bytes, offset + BLOCK_BYTES);
    written++;
    if (out.congested) await out.drain();
  }
}
