import { ImageError } from '@microsandbox/types';
import { findNode } from '../tree/find-node.ts';
import { ensureDirectory, putDirectory, putLeaf } from '../tree/insert-node.ts';
import {
  createDirectory,
  type DirectoryNode,
  type LayerTree,
  type LeafNode,
  type Metadata,
  OPAQUE_XATTR,
  type Xattrs,
} from '../tree/nodes.ts';
import type { BodyStore } from './body-store.ts';
import type { LayerLimits } from './layer-limits.ts';
import { layerPathComponents, quoteMemberPath } from './layer-path.ts';
import { type MemberKind, memberKind } from './member-kind.ts';
import { SparseExpander } from './sparse/sparse-expander.ts';
import { maxStretches } from './sparse/sparse-map.ts';
import type { TarMember } from './tar-member.ts';
import type { TarSink } from './tar-scanner.ts';
import { parseWhiteoutName } from './whiteout-name.ts';

const OPAQUE_VALUE = Buffer.from('y');

/** Where a member goes: a name in a directory. */
interface Place {
  readonly directories: readonly string[];
  readonly name: string;
}

/** Turns the members of a layer's archive into a tree, within limits. */
export class LayerTreeBuilder implements TarSink {
  readonly tree: LayerTree = { root: createDirectory() };
  readonly #bodies: BodyStore;
  readonly #limits: LayerLimits;
  #entries = 0;
  #fileBytes = 0;
  #metadataBytes = 0;
  /** Set while the body of a sparse file comes. */
  #expander: SparseExpander | undefined;

  constructor(bodies: BodyStore, limits: LayerLimits) {
    this.#bodies = bodies;
    this.#limits = limits;
  }

  member(member: TarMember): boolean {
    this.#countEntry();
    const kind = memberKind(member);
    if (kind === null) return false;
    const directories = layerPathComponents(member.path, this.#limits);
    const name = directories.pop();
    if (name === undefined) return false;
    this.#countMetadata(name.length);
    return this.#put(kind, member, { directories, name });
  }

  body(bytes: Uint8Array): void {
    (this.#expander ?? this.#bodies).append(bytes);
  }

  /** True when the member's body is to be stored. */
  #put(kind: MemberKind, member: TarMember, place: Place): boolean {
    if ((kind === 'file' || kind === 'symlink') && this.#putWhiteout(member, place)) return false;
    switch (kind) {
      case 'directory':
        this.#countXattrs(member.xattrs);
        putDirectory(this.#parent(place), place.name, metadataOf(member), member.xattrs);
        return false;
      case 'file':
        return this.#putFile(member, place);
      case 'hardlink':
        putLeaf(this.#parent(place), place.name, this.#hardlinkTarget(member));
        return false;
      case 'symlink':
        putLeaf(this.#parent(place), place.name, this.#symlink(member));
        return false;
      case 'char-device':
      case 'block-device':
        putLeaf(this.#parent(place), place.name, {
          kind,
          ...metadataOf(member),
          major: member.deviceMajor,
          minor: member.deviceMinor,
        });
        return false;
      case 'fifo':
      case 'socket':
        putLeaf(this.#parent(place), place.name, { kind, ...metadataOf(member) });
        return false;
    }
  }

  #putWhiteout(member: TarMember, place: Place): boolean {
    const whiteout = parseWhiteoutName(place.name);
    if (whiteout === null) return false;
    const parent = this.#parent(place);
    if (whiteout.kind === 'opaque') {
      parent.xattrs = new Map([...parent.xattrs, [OPAQUE_XATTR, OPAQUE_VALUE]]);
    } else {
      putLeaf(parent, whiteout.name, { kind: 'char-device', ...metadataOf(member), major: 0, minor: 0 });
    }
    return true;
  }

  #putFile(member: TarMember, place: Place): boolean {
    const { xattrs, sparse } = member;
    const size = sparse?.size ?? member.size;
    if (size > this.#limits.fileBytes)
      throw new ImageError(`file too large: ${quoteMemberPath(member.path)}`);
    this.#fileBytes += size;
    if (this.#fileBytes > this.#limits.totalFileBytes) throw new ImageError('total extracted size exceeded');
    this.#countXattrs(xattrs);
    const data = this.#bodies.begin(size);
    putLeaf(this.#parent(place), place.name, { kind: 'file', ...metadataOf(member), xattrs, size, data });
    this.#expander =
      sparse === null
        ? undefined
        : new SparseExpander(sparse, member.size, maxStretches(this.#limits), this.#bodies);
    return member.size > 0;
  }

  /** The file that a hard link names: one that this layer has already. */
  #hardlinkTarget({ linkPath }: TarMember): LeafNode {
    const target = findNode(this.tree.root, layerPathComponents(linkPath, this.#limits));
    if (target === undefined) throw new ImageError(`hardlink target not found: ${quoteMemberPath(linkPath)}`);
    if (target.kind !== 'file') {
      throw new ImageError(`hardlink target is not a regular file: ${quoteMemberPath(linkPath)}`);
    }
    return target;
  }

  #symlink(member: TarMember): LeafNode {
    const target = member.linkPath;
    if (target.length > this.#limits.symlinkTargetBytes) {
      throw new ImageError(`symlink target too long: ${quoteMemberPath(member.path)}`);
    }
    if (target === '') throw new ImageError(`symlink with no target: ${quoteMemberPath(member.path)}`);
    if (target.includes('\0')) {
      throw new ImageError(`NUL byte in symlink target: ${quoteMemberPath(member.path)}`);
    }
    this.#countMetadata(target.length);
    return { kind: 'symlink', ...metadataOf(member), target };
  }

  #parent({ directories }: Place): DirectoryNode {
    let directory = this.tree.root;
    for (const name of directories) directory = ensureDirectory(directory, name, this.#onImplicitDirectory);
    return directory;
  }

  readonly #onImplicitDirectory = (name: string): void => {
    this.#countEntry();
    this.#countMetadata(name.length);
  };

  #countEntry(): void {
    if (++this.#entries > this.#limits.entries) throw new ImageError('entry count exceeded');
  }

  #countXattrs(xattrs: Xattrs): void {
    for (const [name, value] of xattrs) this.#countMetadata(name.length + value.length);
  }

  #countMetadata(bytes: number): void {
    this.#metadataBytes += bytes;
    if (this.#metadataBytes > this.#limits.metadataBytes)
      throw new ImageError('total metadata size exceeded');
  }
}

function metadataOf({ mode, uid, gid, mtime }: TarMember): Metadata {
  return { mode, uid, gid, mtime, mtimeNsec: 0 };
}
