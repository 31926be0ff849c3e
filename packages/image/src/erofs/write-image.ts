import { BatchWriter } from '../io/batch-writer.ts';
import { BLOCK_BYTES } from './erofs-format.ts';
import { FileDataWriter } from './file-data-writer.ts';
import type { ImageContent } from './image-layout.ts';
import { encodeHead } from './superblock.ts';
import { writeDataArea } from './write-data-area.ts';
import { writeMetadataArea } from './write-metadata-area.ts';

/** Writes an image from front to back. After a failure the file is there, but of no use. */
export async function writeImage(path: string, content: ImageContent): Promise<void> {
  const { plan, metadataBlock, firstDataBlock, totalBlocks } = content.layout;
  const out = new BatchWriter(path);
  const files = new FileDataWriter(out);
  try {
    const inodes = plan.inodes.length;
    out.append(encodeHead({ inodes, blocks: totalBlocks, metadataBlock, devices: content.devices }));
    await writeMetadataArea(out, content);
    assertPosition(out, firstDataBlock);
    // From here on every batch holds whole blocks only.
    out.submit();
    await writeDataArea(out, files, content);
    assertPosition(out, totalBlocks);
    await out.finish();
  } finally {
    await out.abort();
    await files.close();
  }
}

/** A plan that does not match what was written would point readers to other files' bytes. */
function assertPosition(out: BatchWriter, block: number): void {
  if (out.position !== block * BLOCK_BYTES) {
    throw new Error(`EROFS plan and image differ: at byte ${out.position} instead of block ${block}`);
  }
}
