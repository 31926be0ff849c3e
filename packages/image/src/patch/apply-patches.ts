import type { ErofsReader } from '../erofs/erofs-reader.ts';
import { type FileData, type FileNode, isWhiteout, type LayerTree, NO_XATTRS } from '../tree/nodes.ts';
import { appendTo } from './append-to.ts';
import { copyFolder, folderMode } from './copy-folder.ts';
import { type GuestPath, parseGuestPath } from './guest-path.ts';
import { HostSource } from './host-source.ts';
import { kindName } from './kind-name.ts';
import { linkTarget } from './link-target.ts';
import { LowerLayers } from './lower-layers.ts';
import { patchFailed } from './patch-failed.ts';
import type { RootfsPatch } from './rootfs-patch.ts';
import { patchMetadata, UpperLayer } from './upper-layer.ts';

export interface ApplyPatchesOptions {
  readonly patches: readonly RootfsPatch[];
  /** The image's layers, top first. */
  readonly layers: readonly ErofsReader[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies patches in their order to an empty writable layer above an image, and returns that layer. Large files of the
 * host, and those of the image that are appended to, are read only when the tree is written to a disk.
 *
 * @throws {PatchFailedError} when one of them cannot be applied.
 */
export async function applyPatches({ patches, layers, signal }: ApplyPatchesOptions): Promise<LayerTree> {
  const upper = new UpperLayer(new LowerLayers(layers));
  const source = new HostSource();
  for (const patch of patches) {
    signal?.throwIfAborted();
    await applyPatch(upper, source, patch);
  }
  return { root: upper.root };
}

async function applyPatch(upper: UpperLayer, source: HostSource, patch: RootfsPatch): Promise<void> {
  switch (patch.kind) {
    case 'text':
    case 'file': {
      const path = await freePath(upper, patch.path, patch.replace);
      const { content } = patch;
      const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content);
      await upper.putLeaf(path.names, fileOf({ source: 'memory', bytes }, bytes.length, patch.mode ?? 0o644));
      return;
    }
    case 'copyFile': {
      const path = await freePath(upper, patch.dst, patch.replace);
      const { data, size, mode } = await source.file(patch.src);
      await upper.putLeaf(path.names, fileOf(data, size, patch.mode ?? mode));
      return;
    }
    case 'copyDir': {
      const path = await freePath(upper, patch.dst, patch.replace);
      const mode = await folderMode(patch.src);
      const directory = await upper.putDirectory(path.names, patchMetadata(mode));
      await copyFolder(patch.src, directory, source);
      return;
    }
    case 'symlink': {
      const path = await freePath(upper, patch.link, patch.replace);
      const target = linkTarget(patch.target);
      await upper.putLeaf(path.names, { kind: 'symlink', ...patchMetadata(0o777), target });
      return;
    }
    case 'mkdir':
      return makeDirectory(upper, parseGuestPath(patch.path), patch.mode ?? 0o755);
    case 'remove':
      return remove(upper, parseGuestPath(patch.path));
    case 'append':
      return appendTo(upper, parseGuestPath(patch.path), Buffer.from(patch.content, 'utf8'));
  }
}

function fileOf(data: FileData, size: number, mode: number): FileNode {
  return { kind: 'file', ...patchMetadata(mode), xattrs: NO_XATTRS, size, data };
}

/** The path, at which nothing may be unless `replace` says so. */
async function freePath(upper: UpperLayer, text: string, replace = false): Promise<GuestPath> {
  const path = parseGuestPath(text);
  if (replace) return path;
  const own = upper.own(path.names);
  if (own !== undefined && !isWhiteout(own)) {
    throw patchFailed(`path already exists in rootfs: '${text}' (set replace to allow)`);
  }
  if (own === undefined && (await upper.below(path.names)) !== null) {
    throw patchFailed(`path exists in image layer: '${text}' (set replace to allow)`);
  }
  return path;
}

async function makeDirectory(upper: UpperLayer, { text, names }: GuestPath, mode: number): Promise<void> {
  const own = upper.own(names);
  const failure = `cannot create directory at '${text}': path exists and is not a directory`;
  if (own === undefined) {
    const below = await upper.below(names);
    if (below?.kind === 'directory') return;
    if (below !== null) throw patchFailed(`${failure} (${kindName(below)})`);
  } else if (own.kind !== 'directory' && !isWhiteout(own)) {
    throw patchFailed(failure);
  }
  await upper.putDirectory(names, patchMetadata(mode));
}

async function remove(upper: UpperLayer, { names }: GuestPath): Promise<void> {
  upper.drop(names);
  if ((await upper.below(names)) === null) return;
  await upper.putLeaf(names, { kind: 'char-device', ...patchMetadata(0), major: 0, minor: 0 });
}
