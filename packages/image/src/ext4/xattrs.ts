import { ImageError } from '@microsandbox/types';
import { crc32c } from '../checksum/crc32c.ts';
import type { Xattrs } from '../tree/nodes.ts';
import { BLOCK_BYTES } from './ext4-format.ts';

export const XATTR_MAGIC = 0xea02_0000;
export const XATTR_ENTRY_BYTES = 16;
export const XATTR_BLOCK_HEADER_BYTES = 32;
const END_MARK_BYTES = 4;

/** Bytes behind the fields of an inode (offset 0xA0) that can hold extended attributes. */
export const INLINE_XATTR_BYTES = 96;

/** Name prefixes that are stored as a number (Linux: fs/ext4/xattr.h); 2 and 3 stand for whole names. */
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];

interface Entry {
  readonly index: number;
  /** What the prefix leaves of the name, bytes as a latin1 string. */
  readonly suffix: string;
  readonly value: Buffer;
}

/** Extended attributes of one inode in the order in which they are stored. */
export interface XattrPlan {
  readonly entries: readonly Entry[];
  /** True when they fit behind the inode, false when they need a block. */
  readonly inline: boolean;
}

/**
 * Decides where extended attributes go; undefined when there are none.
 *
 * @throws {ImageError} when a name has an unknown prefix or all together need more than one block.
 */
export function planXattrs(xattrs: Xattrs): XattrPlan | undefined {
  if (xattrs.size === 0) return undefined;
  const entries = [...xattrs].map(([name, value]) => toEntry(name, value)).sort(compareEntries);
  const bytes = entries.reduce((sum, { suffix, value }) => sum + entryBytes(suffix) + align(value.length), 0);
  if (XATTR_BLOCK_HEADER_BYTES + bytes + END_MARK_BYTES > BLOCK_BYTES) {
    throw new ImageError('ext4 layout error: extended attributes of one file exceed a block');
  }
  return { entries, inline: 4 + bytes + END_MARK_BYTES <= INLINE_XATTR_BYTES };
}

/** The 96 bytes at 0xA0 of the inode. Value offsets count from the first entry; hashes stay 0. */
export function encodeInlineXattrs({ entries }: XattrPlan): Buffer {
  const area = Buffer.alloc(INLINE_XATTR_BYTES);
  area.writeUInt32LE(XATTR_MAGIC, 0);
  writeEntries(area, 4, 4, entries, () => 0);
  return area;
}

/** A block of its own. Value offsets count from its start. */
export function encodeXattrBlock({ entries }: XattrPlan, block: number, fileSystemSeed: number): Buffer {
  const target = Buffer.alloc(BLOCK_BYTES);
  target.writeUInt32LE(XATTR_MAGIC, 0);
  target.writeUInt32LE(1, 4);
  target.writeUInt32LE(1, 8);
  target.writeUInt32LE(
    entries.map(hashEntry).reduce((hash, entry) => (rotate(hash, 16) ^ entry) >>> 0, 0),
    12,
  );
  writeEntries(target, XATTR_BLOCK_HEADER_BYTES, 0, entries, hashEntry);
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(block));
  target.writeUInt32LE(crc32c(target, crc32c(number, fileSystemSeed)), 16);
  return target;
}

function writeEntries(
  target: Buffer,
  start: number,
  origin: number,
  entries: readonly Entry[],
  hash: (entry: Entry) => number,
): void {
  let at = start;
  let valueAt = target.length;
  for (const entry of entries) {
    const { index, suffix, value } = entry;
    valueAt -= align(value.length);
    value.copy(target, valueAt);
    target[at] = suffix.length;
    target[at + 1] = index;
    target.writeUInt16LE(value.length === 0 ? 0 : valueAt - origin, at + 2);
    target.writeUInt32LE(value.length, at + 8);
    target.writeUInt32LE(hash(entry), at + 12);
    target.write(suffix, at + XATTR_ENTRY_BYTES, 'latin1');
    at += entryBytes(suffix);
  }
}

/** Linux: ext4_xattr_hash_entry, over the name and over the padded words of the value. */
function hashEntry({ suffix, value }: Entry): number {
  let hash = 0;
  for (let i = 0; i < suffix.length; i++) hash = (rotate(hash, 5) ^ suffix.charCodeAt(i)) >>> 0;
  const padded = Buffer.alloc(align(value.length));
  value.copy(padded);
  for (let at = 0; at < padded.length; at += 4) hash = (rotate(hash, 16) ^ padded.readUInt32LE(at)) >>> 0;
  return hash;
}

function rotate(value: number, bits: number): number {
  return ((value << bits) | (value >>> (32 - bits))) >>> 0;
}

function toEntry(name: string, value: Buffer): Entry {
  const found = PREFIXES.find(([prefix]) => name.startsWith(prefix));
  if (found === undefined) throw new ImageError(`ext4 layout error: unsupported extended attribute ${name}`);
  return { index: found[1], suffix: name.slice(found[0].length), value };
}

function compareEntries(a: Entry, b: Entry): number {
  if (a.index !== b.index) return a.index - b.index;
  if (a.suffix.length !== b.suffix.length) return a.suffix.length - b.suffix.length;
  return a.suffix < b.suffix ? -1 : 1;
}

function entryBytes(suffix: string): number {
  return XATTR_ENTRY_BYTES + align(suffix.length);
}

function align(bytes: number): number {
  return (bytes + 3) & ~3;
}
