import type { FileHandle } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import type { FileNode, FilePart } from '../tree/nodes.ts';
import { BatchedOutput } from './batched-output.ts';
import type { Ext4Plan } from './plan-ext4.ts';
import { RunCursor } from './run-cursor.ts';
import { SourceFiles } from './source-files.ts';

/** Writes the content of every regular file of the plan to its blocks. Content of zeros stays a hole. */
export async function writeFileContents(
  plan: Ext4Plan,
  { handle, path }: { readonly handle: FileHandle; readonly path: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  await using sources = new SourceFiles();
  const output = new BatchedOutput(handle, path);
  try {
    for (const [inode, { runs }] of plan.placements) {
      if (inode.node.kind !== 'file' || runs.length === 0) continue;
      const cursor = new RunCursor(runs);
      for (const part of partsOf(inode.node)) await copyPart(part, { cursor, sources, output, signal });
    }
    await output.finish();
  } finally {
    await output.settle();
  }
}

type Part = FilePart & { readonly size: number };

function partsOf({ data, size }: FileNode): readonly Part[] {
  if (data.source === 'none') throw new ImageError('ext4 layout error: the content of a file is not there');
  const parts = data.source === 'parts' ? data.parts : [{ ...data, size }];
  const held = parts.reduce(
    (sum, part) => sum + (part.source === 'memory' ? part.bytes.length : part.size),
    0,
  );
  if (held !== size) throw new ImageError('ext4 layout error: a file has not the content of its size');
  return parts;
}

/** Copies a part of a file to the next of its places. */
async function copyPart(
  part: Part,
  to: {
    readonly cursor: RunCursor;
    readonly sources: SourceFiles;
    readonly output: BatchedOutput;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  for (let done = 0; done < part.size; ) {
    to.signal?.throwIfAborted();
    const { position, bytes } = to.cursor.take(Math.min(part.size - done, BatchedOutput.maxBytes));
    const target = await to.output.place(position, bytes);
    if (part.source === 'memory') part.bytes.copy(target, 0, done, done + bytes);
    else await to.sources.read(part.path, part.offset + done, target);
    done += bytes;
  }
}
