import type { SeededRandom } from '@microsandbox/test-utils';
import {
  createDirectory,
  type DirectoryNode,
  type FileNode,
  type LayerTree,
  type Metadata,
  type TreeNode,
} from '../src/tree/nodes.ts';

const SIZES = [0, 1, 100, 4095, 4096, 4097, 8192, 20_000];
const KINDS = [
  'file',
  'file',
  'file',
  'link',
  'directory',
  'directory',
  'symlink',
  'device',
  'special',
] as const;

/** A tree of everything that a layer can hold; every part may be at the edge of a block. */
export function randomTree(random: SeededRandom): LayerTree {
  const files: FileNode[] = [];
  const root = createDirectory();
  const open: DirectoryNode[] = [root];
  for (let count = random.below(random.pick([5, 40, 150])); count > 0; count--) {
    const parent = random.pick(open);
    const name = randomName(random);
    if (parent.children.has(name)) continue;
    const node = randomNode(random, files);
    parent.children.set(name, node);
    if (node.kind === 'file') files.push(node);
    if (node.kind === 'directory') open.push(node);
  }
  return { root };
}

function randomNode(random: SeededRandom, files: readonly FileNode[]): TreeNode {
  const metadata = randomMetadata(random);
  switch (random.pick(KINDS)) {
    case 'link':
      return files.length > 0 ? random.pick(files) : randomFile(random, metadata);
    case 'file':
      return randomFile(random, metadata);
    case 'directory': {
      const directory = createDirectory(metadata, randomXattrs(random));
      // Names of one length fill blocks to the last byte for some counts.
      const width = random.pick([1, 4, 52, 244]);
      for (let i = random.chance(0.2) ? random.below(200) : 0; i > 0; i--) {
        directory.children.set(`${i}`.padStart(width, '0'), { kind: 'fifo', ...metadata });
      }
      return directory;
    }
    case 'symlink':
      return { kind: 'symlink', ...metadata, target: 't'.repeat(1 + random.below(random.pick([5, 4095]))) };
    case 'device': {
      const kind = random.pick(['char-device', 'block-device'] as const);
      return { kind, ...metadata, major: random.below(4096), minor: random.below(2 ** 20) };
    }
    case 'special':
      return { kind: random.pick(['fifo', 'socket'] as const), ...metadata };
  }
}

function randomFile(random: SeededRandom, metadata: Metadata): FileNode {
  const bytes = random.bytes(random.pick(SIZES));
  const data = { source: 'memory', bytes } as const;
  return { kind: 'file', ...metadata, xattrs: randomXattrs(random), size: bytes.length, data };
}

function randomMetadata(random: SeededRandom): Metadata {
  return {
    mode: random.below(0o10000),
    uid: random.pick([0, 1000, 2 ** 32 - 2]),
    gid: random.pick([0, 1000, 2 ** 32 - 2]),
    mtime: random.pick([0, 1_700_000_000, 2 ** 33, -1]),
    mtimeNsec: random.pick([0, 999_999_999]),
  };
}

function randomXattrs(random: SeededRandom): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (let count = random.chance(0.2) ? random.below(4) : 0; count > 0; count--) {
    const family = random.pick(['user', 'trusted', 'security']);
    xattrs.set(
      `${family}.${'n'.repeat(1 + random.below(20))}`,
      random.bytes(random.below(random.pick([8, 3000]))),
    );
  }
  return xattrs;
}

/** Bytes around `.`, which decides where `.` and `..` are among the names, and any others but `/` and NUL. */
function randomName(random: SeededRandom): string {
  const length = 1 + random.below(random.pick([2, 12, 255]));
  const bytes = random.bytes(length).map((byte) => (byte === 0 || byte === 0x2f ? 0x21 : byte));
  if (random.chance(0.3)) bytes[0] = random.pick([0x21, 0x2d, 0x2e]);
  const name = Buffer.from(bytes).toString('latin1');
  return name === '.' || name === '..' ? '...' : name;
}
