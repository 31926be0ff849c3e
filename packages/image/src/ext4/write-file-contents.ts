import { type FileHandle, open } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';
import type { FileNode } from '../tree/nodes.ts';
import type { BlockRun } from './block-space.ts';
import { BLOCK_BYTES } from './ext4-format.ts';
import type { Ext4Plan } from './plan-ext4.ts';
import { writeFully } from './write-fully.ts';

const COPY_BYTES = 1024 * 1024;

/** Copies the content of every regular file of the plan to its blocks. */
export async function writeFileContents(
  plan: Ext4Plan,
  output: { readonly handle: FileHandle; readonly path: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const sources = new Map<string, FileHandle>();
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  try {
    for (const [inode, { runs }] of plan.placements) {
      if (inode.node.kind !== 'file' || runs.length === 0) continue;
      signal?.throwIfAborted();
      const read = await openBody(inode.node, sources, buffer);
      await copyToRuns(read, inode.node.size, runs, output);
    }
  } finally {
    for (const handle of sources.values()) await handle.close();
  }
}

type ReadBody = (position: number, bytes: number) => Promise<Uint8Array>;

/** A function that gives parts of a file's content; host files are opened once. */
async function openBody(node: FileNode, sources: Map<string, FileHandle>, buffer: Buffer): Promise<ReadBody> {
  const { data } = node;
  if (data.source === 'memory')
    return async (position, bytes) => data.bytes.subarray(position, position + bytes);
  if (data.source === 'none') throw new ImageError('ext4 layout error: the content of a file is not there');
  const { path, offset } = data;
  const handle = sources.get(path) ?? (await openSource(path));
  sources.set(path, handle);
  return async (position, bytes) => {
    const part = buffer.subarray(0, bytes);
    await readExactly(handle, path, part, offset + position);
    return part;
  };
}

async function copyToRuns(
  read: ReadBody,
  size: number,
  runs: readonly BlockRun[],
  output: { readonly handle: FileHandle; readonly path: string },
): Promise<void> {
  let position = 0;
  for (const { start, count } of runs) {
    const end = Math.min(size, position + count * BLOCK_BYTES);
    for (let target = start * BLOCK_BYTES; position < end; ) {
      const part = await read(position, Math.min(COPY_BYTES, end - position));
      await writeFully(output.handle, output.path, part, target);
      position += part.length;
      target += part.length;
    }
  }
}

async function openSource(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw hostFileError('read', path, error);
  }
}
