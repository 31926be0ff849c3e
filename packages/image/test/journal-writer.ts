import { crc32c } from '../src/checksum/crc32c.ts';
import { sealSuperblock } from '../src/ext4/superblock.ts';
import { readAt, writeAt } from './ext4-kernel.ts';

const BLOCK = 4096;
const MAGIC = 0xc03b3998;

/** A transaction as Linux writes it: revocations, blocks, commit. */
export interface TestTransaction {
  readonly writes?: readonly (readonly [block: number, content: Buffer])[];
  readonly revokes?: readonly number[];
  /** Damages the transaction: its data, its descriptor, its commit block, or leaves the commit block out. */
  readonly damage?: 'data' | 'descriptor' | 'commit' | 'no commit';
}

export interface TestJournal {
  /** First block of the journal on the disk, and its length. */
  readonly start: number;
  readonly blocks: number;
}

/** Where the journal of an image with one descriptor block is. */
export async function journalOf(image: string): Promise<TestJournal> {
  const inode = await readAt(image, (1 + 1 + 256 + 2) * BLOCK + 7 * 256, 256);
  return { start: inode.readUInt32LE(0x3c), blocks: inode.readUInt16LE(0x38) };
}

/** Writes a log into the journal of a clean image and marks the image as not unmounted. */
export async function writeLog(
  image: string,
  transactions: readonly TestTransaction[],
  { logStart = 1, sequence = 7 }: { readonly logStart?: number; readonly sequence?: number } = {},
): Promise<void> {
  const journal = await journalOf(image);
  const superblock = await readAt(image, 1024, 1024);
  const seed = crc32c(superblock.subarray(0x68, 0x78), 0xffff_ffff);
  let at = logStart;
  const put = async (block: Buffer): Promise<void> => {
    await writeAt(image, (journal.start + at) * BLOCK, block);
    at = at + 1 === journal.blocks ? 1 : at + 1;
  };
  for (const [index, transaction] of transactions.entries()) {
    for (const block of encodeTransaction(transaction, (sequence + index) >>> 0, seed)) await put(block);
  }
  const log = await readAt(image, journal.start * BLOCK, 1024);
  log.writeUInt32BE(sequence, 0x18);
  log.writeUInt32BE(logStart, 0x1c);
  log.writeUInt32BE(0, 0xfc);
  log.writeUInt32BE(crc32c(log, 0xffff_ffff), 0xfc);
  await writeAt(image, journal.start * BLOCK, log);
  superblock.writeUInt32LE(superblock.readUInt32LE(0x60) | 4, 0x60);
  sealSuperblock(superblock);
  await writeAt(image, 1024, superblock);
}

function encodeTransaction(transaction: TestTransaction, sequence: number, seed: number): Buffer[] {
  const { writes = [], revokes = [], damage } = transaction;
  const blocks: Buffer[] = [];
  for (let done = 0; done < revokes.length; done += 500) {
    const part = revokes.slice(done, done + 500);
    const block = header(5, sequence);
    block.writeUInt32BE(16 + part.length * 8, 12);
    for (const [i, target] of part.entries()) block.writeBigUInt64BE(BigInt(target), 16 + i * 8);
    blocks.push(sealed(block, BLOCK - 4, seed));
  }
  for (let done = 0; done < writes.length; done += 200) {
    const part = writes.slice(done, done + 200);
    const descriptor = header(1, sequence);
    const data = part.map(([, content]) => Buffer.from(content));
    let at = 12;
    for (const [i, [target]] of part.entries()) {
      const bytes = data[i] as Buffer;
      const escaped = bytes.readUInt32BE(0) === MAGIC;
      if (escaped) bytes.writeUInt32BE(0, 0);
      const number = Buffer.alloc(4);
      number.writeUInt32BE(sequence, 0);
      const flags = (escaped ? 1 : 0) | (i > 0 ? 2 : 0) | (i === part.length - 1 ? 8 : 0);
      descriptor.writeUInt32BE(target % 2 ** 32, at);
      descriptor.writeUInt32BE(flags, at + 4);
      descriptor.writeUInt32BE(Math.floor(target / 2 ** 32), at + 8);
      descriptor.writeUInt32BE(crc32c(bytes, crc32c(number, seed)), at + 12);
      at += i === 0 ? 32 : 16;
    }
    blocks.push(sealed(descriptor, BLOCK - 4, seed), ...data);
    if (damage === 'descriptor') flip(descriptor, 100);
    if (damage === 'data') flip(data.at(-1) as Buffer, 2000);
  }
  if (damage !== 'no commit') {
    const commit = sealed(header(2, sequence), 16, seed);
    if (damage === 'commit') flip(commit, 60);
    blocks.push(commit);
  }
  return blocks;
}

function header(type: number, sequence: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.writeUInt32BE(MAGIC, 0);
  block.writeUInt32BE(type, 4);
  block.writeUInt32BE(sequence, 8);
  return block;
}

function sealed(block: Buffer, offset: number, seed: number): Buffer {
  block.writeUInt32BE(crc32c(block, seed), offset);
  return block;
}

function flip(block: Buffer, at: number): void {
  block[at] = (block[at] as number) ^ 0x40;
}
