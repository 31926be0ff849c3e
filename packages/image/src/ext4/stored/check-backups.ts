import { BLOCK_BYTES } from '../ext4-format.ts';
import { backupGroups, groupStart } from '../geometry.ts';
import type { Ext4File } from './ext4-file.ts';
import type { Ext4Image } from './read-ext4-image.ts';
import { readBackupSuperblock } from './stored-superblock.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** Counters of a superblock that tell sizes: up to the free inodes. */
const COUNTERS_END = 0x18;

/**
 * Checks that the copies of superblock and descriptors are those of the first group.
 *
 * @throws {ImageError} `unsupported ext4 image: group … backup …`
 */
export async function checkBackups(file: Ext4File, image: Ext4Image): Promise<void> {
  const { superblock, descriptors } = image;
  for (const group of backupGroups(superblock.geometry)) {
    const backup = await readBackupSuperblock(file, group);
    const isCopy =
      backup.readUInt16LE(0x5a) === (group & 0xffff) &&
      backup.subarray(0, COUNTERS_END).equals(superblock.bytes.subarray(0, COUNTERS_END));
    if (!isCopy) throw unsupportedImage(`group ${group} backup superblock differs`);
    const table = await file.read((groupStart(group) + 1) * BLOCK_BYTES, descriptors.length);
    if (!table.equals(descriptors)) throw unsupportedImage(`group ${group} backup GDT differs`);
  }
}
