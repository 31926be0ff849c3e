import { crc32c } from '../../checksum/crc32c.ts';
import { INLINE_XATTR_BYTES, XATTR_BLOCK_HEADER_BYTES, XATTR_ENTRY_BYTES, XATTR_MAGIC } from '../xattrs.ts';
import type { Ext4File } from './ext4-file.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** Whole names and name prefixes that Linux knows (fs/ext4/xattr.h: user, ACLs, trusted, security). */
const NAME_INDEXES = new Set([1, 2, 3, 4, 6]);

/**
 * Checks the extended attributes of an inode, behind it and in its block.
 *
 * @throws {ImageError} `unsupported ext4 image: inode …`
 */
export async function checkXattrs(
  file: Ext4File,
  inode: Buffer,
  { number, seed, blocks }: { readonly number: number; readonly seed: number; readonly blocks: number },
): Promise<void> {
  const broken = (reason: string): Error => unsupportedImage(`inode ${number} ${reason}`);
  const inline = inode.subarray(0xa0, 0xa0 + INLINE_XATTR_BYTES);
  if (inline.readUInt32LE(0) === XATTR_MAGIC) checkEntries(inline, 4, 4, broken);
  // Sixteen upper bits only (Linux: i_file_acl).
  const block = inode.readUInt32LE(0x68) + inode.readUInt16LE(0x76) * 2 ** 32;
  if (block === 0) return;
  if (block >= blocks) throw broken('xattr block is out of bounds');
  const bytes = await file.readBlocks(block);
  if (bytes.readUInt32LE(0) !== XATTR_MAGIC || bytes.readUInt32LE(8) !== 1) {
    throw broken('has a bad xattr header');
  }
  const covered = Buffer.from(bytes);
  covered.writeUInt32LE(0, 16);
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(block));
  if (crc32c(covered, crc32c(place, seed)) !== bytes.readUInt32LE(16)) {
    throw broken('xattr checksum mismatch');
  }
  checkEntries(bytes, XATTR_BLOCK_HEADER_BYTES, 0, broken);
}

/** `origin` is what value offsets count from. Four zero bytes end the list. */
function checkEntries(area: Buffer, start: number, origin: number, broken: (reason: string) => Error): void {
  let at = start;
  for (;;) {
    if (at + 4 > area.length) throw broken('xattrs lack a terminator');
    if (area.readUInt32LE(at) === 0) return;
    if (at + XATTR_ENTRY_BYTES > area.length) throw broken('has truncated xattrs');
    const bytes = XATTR_ENTRY_BYTES + (((area[at] as number) + 3) & ~3);
    const valueEnd = origin + area.readUInt16LE(at + 2) + area.readUInt32LE(at + 8);
    const isSound =
      NAME_INDEXES.has(area[at + 1] as number) && at + bytes <= area.length && valueEnd <= area.length;
    if (!isSound) throw broken('has malformed xattrs');
    at += bytes;
  }
}
