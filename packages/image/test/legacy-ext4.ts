import { crc32c } from '../src/checksum/crc32c.ts';
import { sealInode } from '../src/ext4/inode.ts';
import { sealSuperblock } from '../src/ext4/superblock.ts';
import { readAt, writeAt } from './ext4-kernel.ts';

const BLOCK = 4096;
const TABLE = (1 + 1 + 256 + 2) * BLOCK;
const RESIZE_BLOCK = TABLE / BLOCK + 512;

/**
 * Turns an image of one descriptor block into one of the layout before 0.6.9: no resize inode, the root directory in
 * its block, the overhead in the place of the error count. (One block stays marked as used that nobody uses.)
 */
export async function makeLegacy(
  image: string,
  { keepRoot = false }: { readonly keepRoot?: boolean } = {},
): Promise<void> {
  const superblock = await readAt(image, 1024, 1024);
  const seed = crc32c(superblock.subarray(0x68, 0x78), 0xffff_ffff);
  await writeAt(image, TABLE + 6 * 256, Buffer.alloc(256));
  await writeAt(image, 2 * BLOCK, Buffer.alloc(256 * BLOCK));
  if (!keepRoot) {
    await writeAt(image, RESIZE_BLOCK * BLOCK, await readAt(image, (RESIZE_BLOCK + 1) * BLOCK, BLOCK));
    const root = await readAt(image, TABLE + 256, 256);
    root.writeUInt32LE(RESIZE_BLOCK, 0x3c);
    sealInode(root, 2, seed);
    await writeAt(image, TABLE + 256, root);
  }
  for (const [offset, group] of [
    [1024, 0],
    [32_768 * BLOCK, 1],
  ] as const) {
    const copy = await readAt(image, offset, 1024);
    if (group > 0 && copy.readUInt16LE(0x38) !== 0xef53) continue;
    copy.writeUInt32LE(0x2c, 0x5c);
    copy.writeUInt32LE(copy.readUInt32LE(0x248), 0x194);
    copy.writeUInt32LE(0, 0x248);
    sealSuperblock(copy);
    await writeAt(image, offset, copy);
  }
}
