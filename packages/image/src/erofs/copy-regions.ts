import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { LayerNatives, NativeCopyFailure } from '@microsandbox/native';
import { hostFileError } from '../io/host-file-error.ts';
import { BLOCK_BYTES } from './erofs-format.ts';
import type { ImageLayout } from './image-layout.ts';

/** Bytes after which is looked whether to go on. */
const CALL_BYTES = 256 * 1024 * 1024;

/** Copies bodies from one host file to another. */
export type CopyBodies = LayerNatives['copyBodies'];

/** Bodies in one host file: where each is there, where it goes, and its length, three numbers a body. */
interface Copy {
  readonly source: string;
  readonly bodies: number[];
}

/**
 * Copies the bodies that are in host files to their places in the image at `path`, which is there. Works beside
 * whoever writes the rest of the image.
 */
export async function copyRegions(
  path: string,
  layout: ImageLayout,
  copyBodies: CopyBodies,
  signal: AbortSignal,
): Promise<void> {
  for (const { source, bodies } of copiesOf(layout)) {
    signal.throwIfAborted();
    const failure = await copyBodies(source, path, Float64Array.from(bodies));
    if (failure !== null) throw copyError(failure, failure.reading ? source : path);
  }
}

/** All copies, in calls of bounded length. */
function* copiesOf({ plan, firstDataBlock }: ImageLayout): Generator<Copy, void, void> {
  let copy: Copy = { source: '', bodies: [] };
  let bytes = 0;
  for (const { node, dataBlock, dataBlocks } of plan.inodes) {
    if (node.kind !== 'file' || dataBlocks === 0 || node.data.source !== 'region') continue;
    if (node.data.path !== copy.source || bytes >= CALL_BYTES) {
      if (bytes > 0) yield copy;
      copy = { source: node.data.path, bodies: [] };
      bytes = 0;
    }
    copy.bodies.push(node.data.offset, (firstDataBlock + dataBlock) * BLOCK_BYTES, node.size);
    bytes += node.size;
  }
  if (bytes > 0) yield copy;
}

function copyError({ message, errno, reading }: NativeCopyFailure, path: string): Error {
  const code = errno === 0 ? undefined : getSystemErrorName(-errno);
  const reason = code === undefined ? message : `${code}: ${getSystemErrorMessage(-errno)}, copy`;
  return hostFileError(reading ? 'read' : 'write', path, Object.assign(new Error(reason), { code }));
}
