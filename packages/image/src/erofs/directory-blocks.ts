import { BLOCK_BYTES, DIRENT_BYTES } from './erofs-format.ts';

/** The entries of one directory block. */
export interface DirectoryBlock {
  /** Index of its first entry, and of the one after its last. */
  readonly from: number;
  readonly to: number;
  /** Bytes in use. */
  readonly bytes: number;
}

/** Cuts a directory's names (sorted, `.` and `..` among them) into blocks, each as full as it gets. */
export function* packDirectory(names: readonly string[]): Generator<DirectoryBlock> {
  let from = 0;
  let bytes = 0;
  for (let i = 0; i < names.length; i++) {
    const entry = DIRENT_BYTES + (names[i] as string).length;
    if (bytes + entry > BLOCK_BYTES) {
      yield { from, to: i, bytes };
      from = i;
      bytes = 0;
    }
    bytes += entry;
  }
  yield { from, to: names.length, bytes };
}

/** Length of a directory: whole blocks, and the last one as long as used. */
export function directoryBytes(names: readonly string[]): number {
  let bytes = 0;
  let last = 0;
  for (const block of packDirectory(names)) {
    bytes += BLOCK_BYTES;
    last = block.bytes;
  }
  return bytes - BLOCK_BYTES + last;
}

/** What a directory says about each of its names. */
export interface DirectoryEntries {
  readonly names: readonly string[];
  nid(index: number): number;
  /** Type number of a directory entry. */
  type(index: number): number;
}

/** Writes one block at `offset`: the table of entries, then their names. */
export function writeDirectoryBlock(
  target: Buffer,
  offset: number,
  block: DirectoryBlock,
  entries: DirectoryEntries,
): void {
  let at = offset;
  let nameAt = (block.to - block.from) * DIRENT_BYTES;
  for (let i = block.from; i < block.to; i++) {
    const name = entries.names[i] as string;
    target.writeUInt32LE(entries.nid(i), at);
    target.writeUInt32LE(0, at + 4);
    target.writeUInt16LE(nameAt, at + 8);
    target[at + 10] = entries.type(i);
    target[at + 11] = 0;
    nameAt += target.write(name, offset + nameAt, 'latin1');
    at += DIRENT_BYTES;
  }
}
