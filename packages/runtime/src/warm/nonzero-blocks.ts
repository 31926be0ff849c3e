import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** A run of pages that are not all zero. */
interface Block {
  readonly offset: number;
  /** Valid until the next one is asked for. */
  readonly bytes: Buffer;
}

/** What a memory file holds besides zeros. */
export interface MemoryContent {
  /** SHA-256 over the runs of pages that are not zero, each with its offset, and the size of the file. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes the pages of `from` that are not zero to their places in `to`, which stays sparse elsewhere. */
export async function copyNonZero(from: string, to: string): Promise<MemoryContent> {
  const target = await open(to, 'wx', 0o600);
  try {
    const content = await walk(from, async ({ offset, bytes }) => {
      await target.write(bytes, 0, bytes.length, offset);
    });
    await target.truncate(await sizeOf(from));
    await target.sync();
    return content;
  } finally {
    await target.close();
  }
}

/** Reads a file as {@link copyNonZero} does and says what it holds. */
export function readMemoryContent(path: string): Promise<MemoryContent> {
  return walk(path, async () => {});
}

async function walk(path: string, visit: (block: Block) => Promise<void>): Promise<MemoryContent> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'r');
  try {
    for await (const block of blocks(file)) {
      addTo(hash, block);
      bytes += block.bytes.length;
      await visit(block);
    }
    addNumber(hash, (await file.stat()).size);
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), bytes };
}

function addTo(hash: Hash, { offset, bytes }: Block): void {
  addNumber(hash, offset);
  hash.update(bytes);
}

function addNumber(hash: Hash, value: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  hash.update(bytes);
}

async function* blocks(file: FileHandle): AsyncGenerator<Block, void, undefined> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let offset = 0; ; offset += CHUNK_BYTES) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, offset);
    if (bytesRead === 0) return;
    const data = chunk.subarray(0, bytesRead);
    if (!isZero(data)) yield* runs(data, offset);
    if (bytesRead < CHUNK_BYTES) return;
  }
}

/** Neighbouring pages that are not zero, together. */
function* runs(data: Buffer, offset: number): Generator<Block, void, undefined> {
  let start = -1;
  for (let at = 0; at < data.length; at += PAGE_BYTES) {
    const zero = isZero(data.subarray(at, at + PAGE_BYTES));
    if (!zero && start < 0) start = at;
    if (zero && start >= 0) {
      yield { offset: offset + start, bytes: data.subarray(start, at) };
      start = -1;
    }
  }
  if (start >= 0) yield { offset: offset + start, bytes: data.subarray(start) };
}

function isZero(data: Buffer): boolean {
  return data.equals(ZEROS.subarray(0, data.length));
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
