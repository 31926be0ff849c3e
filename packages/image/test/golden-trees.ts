import {
  createDirectory,
  type DirectoryNode,
  type FileNode,
  type LayerTree,
  type Metadata,
  OPAQUE_XATTR,
} from '../src/tree/nodes.ts';

const T0 = 1_700_000_000;

function metadata(mode: number, offset: number, id = 0): Metadata {
  return { mode, uid: id, gid: id, mtime: T0 + offset, mtimeNsec: 0 };
}

function file(mode: number, offset: number, content: string, id = 0): FileNode {
  const bytes = Buffer.from(content);
  return {
    kind: 'file',
    ...metadata(mode, offset, id),
    xattrs: new Map(),
    size: bytes.length,
    data: { source: 'memory', bytes },
  };
}

function directory(
  children: Parameters<DirectoryNode['children']['set']>[],
  base = createDirectory(),
): DirectoryNode {
  for (const [name, node] of children) base.children.set(name, node);
  return base;
}

/** Tree L0 of the golden vectors. */
export function goldenLayer0(): LayerTree {
  const sh = file(0o755, 1, 'A'.repeat(5000));
  const bin = directory(
    [
      ['sh', sh],
      ['ash', sh],
    ],
    createDirectory(metadata(0o755, 0)),
  );
  const etc = directory([
    ['hostname', file(0o644, 2, 'box\n')],
    ['empty', file(0o600, 3, '', 1000)],
  ]);
  const dev = directory([['null', { kind: 'char-device', ...metadata(0o666, 5), major: 1, minor: 3 }]]);
  return {
    root: directory([
      ['bin', bin],
      ['etc', etc],
      ['lib', { kind: 'symlink', ...metadata(0o777, 4), target: 'usr/lib' }],
      ['dev', dev],
    ]),
  };
}

/** Tree L1 of the golden vectors: replaces all of `etc`, deletes `lib`. */
export function goldenLayer1(): LayerTree {
  const opaque = new Map([[OPAQUE_XATTR, Buffer.from('y')]]);
  const etc = directory(
    [['new', file(0o644, 11, 'B'.repeat(4096))]],
    createDirectory(metadata(0o755, 10), opaque),
  );
  return {
    root: directory([
      ['etc', etc],
      ['lib', { kind: 'char-device', ...metadata(0, 12), major: 0, minor: 0 }],
    ]),
  };
}
