import { ImageError } from '@microsandbox/types';
import { DIRENT_BYTES } from './erofs-format.ts';

/** One name of a directory. */
export interface StoredEntry {
  /** Latin1. */
  readonly name: string;
  readonly nid: number;
}

/** Entries of one directory block, cut to the bytes that the directory's size covers. */
export function parseDirectoryBlock(block: Buffer): StoredEntry[] {
  const entries: StoredEntry[] = [];
  const tableBytes = block.length < DIRENT_BYTES ? 0 : block.readUInt16LE(8);
  if (tableBytes === 0 || tableBytes % DIRENT_BYTES !== 0 || tableBytes > block.length) throw broken();
  let nameAt = tableBytes;
  for (let at = 0; at < tableBytes; at += DIRENT_BYTES) {
    const last = at + DIRENT_BYTES === tableBytes;
    const nameEnd = last ? endOfLastName(block, nameAt) : block.readUInt16LE(at + DIRENT_BYTES + 8);
    if (nameEnd <= nameAt || nameEnd > block.length) throw broken();
    const name = block.toString('latin1', nameAt, nameEnd);
    if (name.includes('/') || name.includes('\0')) throw broken();
    if (block.readUInt32LE(at + 4) !== 0) throw broken();
    entries.push({ name, nid: block.readUInt32LE(at) });
    nameAt = nameEnd;
  }
  return entries;
}

/** The last name has no end of its own: what follows it are zeros. */
function endOfLastName(block: Buffer, start: number): number {
  const nul = block.indexOf(0, start);
  return nul < 0 ? block.length : nul;
}

function broken(): ImageError {
  return new ImageError('broken EROFS image: directory block is not well formed');
}
