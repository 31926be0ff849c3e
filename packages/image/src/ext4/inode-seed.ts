import { crc32c } from '../checksum/crc32c.ts';

/** CRC that everything belonging to one inode starts from. Inodes written here are of generation 0. */
export function inodeSeed(fileSystemSeed: number, inode: number, generation = 0): number {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(inode, 0);
  bytes.writeUInt32LE(generation, 4);
  return crc32c(bytes, fileSystemSeed);
}
