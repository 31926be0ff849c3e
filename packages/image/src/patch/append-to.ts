import { type FileNode, isWhiteout } from '../tree/nodes.ts';
import type { GuestPath } from './guest-path.ts';
import { kindName } from './kind-name.ts';
import { patchFailed } from './patch-failed.ts';
import { patchMetadata, type UpperLayer } from './upper-layer.ts';

/**
 * Adds bytes to a file: to one of the writable layer, or to a copy of the image's, which then is root's with mode 0644.
 * The copy is made when the disk is written.
 *
 * @throws {PatchFailedError} when there is no regular file.
 */
export async function appendTo(
  upper: UpperLayer,
  { text, names }: GuestPath,
  content: Buffer,
): Promise<void> {
  const own = upper.own(names);
  if (own?.kind === 'file') {
    await upper.putLeaf(names, appended(own, content));
    return;
  }
  const failure = `cannot append to '${text}':`;
  if (own !== undefined && !isWhiteout(own)) {
    throw patchFailed(`${failure} target is not a regular file (${kindName(own)})`);
  }
  const below = own === undefined ? await upper.below(names) : null;
  if (below === null) throw patchFailed(`${failure} file not found in rootfs`);
  if (below.kind !== 'file') {
    throw patchFailed(`${failure} target in lower layer is not a regular file (${kindName(below)})`);
  }
  await upper.putLeaf(names, appended({ ...below, ...patchMetadata(0o644), xattrs: new Map() }, content));
}

function appended(file: FileNode, content: Buffer): FileNode {
  const { data } = file;
  if (data.source === 'none') throw patchFailed('the content of a file of the image is not there');
  const before = data.source === 'parts' ? data.parts : [{ ...data, size: file.size }];
  const parts = [...before, { source: 'memory', bytes: content, size: content.length } as const];
  return { ...file, size: file.size + content.length, data: { source: 'parts', parts } };
}
