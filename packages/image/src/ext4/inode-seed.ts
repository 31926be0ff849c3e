import { crc32c } from '../checksum/crc32c.ts';

/** CRC that everything belonging to one inode starts from; its generation is always 0. */
export function inodeSeed(fileSystemSeed: number, inode: number): number {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(inode, 0);
  return crc32c(bytes, fileSystemSeed);
}
