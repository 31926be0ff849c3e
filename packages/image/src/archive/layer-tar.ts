import { type FileHandle, open } from 'node:fs/promises';
import { type ErofsEntry, ErofsReader } from '../erofs/erofs-reader.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';
import {
  type FileNode,
  isOpaque,
  isWhiteout,
  type Metadata,
  OPAQUE_XATTR,
  type TreeNode,
  type Xattrs,
} from '../tree/nodes.ts';
import { encodeTarEntry, TAR_END, tarPadding } from './encode-tar-entry.ts';

const READ_BYTES = 1024 * 1024;
/** Not POSIX; read back by the layer reader. */
const SOCKET_TYPE = '`';
const TYPES = {
  file: '0',
  symlink: '2',
  'char-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
  socket: SOCKET_TYPE,
} as const;
const NOTHING: Metadata = { mode: 0, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };

/**
 * The archive of a layer, made again from its EROFS image: entries in stored order, hard links as links to the first
 * name, deletions as `.wh.` files. The root itself is left out.
 */
export async function* layerTar(path: string, signal?: AbortSignal): AsyncGenerator<Buffer, void, void> {
  await using reader = await ErofsReader.open(path);
  const handle = await open(path).catch((error: unknown) => {
    throw hostFileError('read', path, error);
  });
  const firstNames = new Map<number, string>();
  try {
    for await (const entry of reader.walk()) {
      signal?.throwIfAborted();
      if (entry.path === '') continue;
      const first = entry.node.kind === 'file' ? firstNames.get(entry.nid) : undefined;
      if (first !== undefined) {
        yield member(entry.path, entry.node, { type: '1', linkName: first });
        continue;
      }
      if (entry.node.kind === 'file') firstNames.set(entry.nid, entry.path);
      yield* encodeEntry(entry, handle, path);
    }
  } finally {
    await handle.close();
  }
  yield TAR_END;
}

async function* encodeEntry(
  { path, node }: ErofsEntry,
  handle: FileHandle,
  image: string,
): AsyncGenerator<Buffer> {
  if (isWhiteout(node)) {
    yield whiteout(path.replace(/[^/]*$/, '.wh.$&'));
  } else if (node.kind === 'directory') {
    yield member(`${path}/`, node, { type: TYPES.directory });
    if (isOpaque(node)) yield whiteout(`${path}/.wh..wh..opq`);
  } else {
    const linkName = node.kind === 'symlink' ? node.target : '';
    yield member(path, node, { type: TYPES[node.kind], linkName });
    if (node.kind === 'file') yield* body(node, handle, image);
  }
}

async function* body({ size, data }: FileNode, handle: FileHandle, image: string): AsyncGenerator<Buffer> {
  const offset = data.source === 'region' ? data.offset : 0;
  for (let at = 0; at < size; ) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, size - at));
    await readExactly(handle, image, chunk, offset + at);
    at += chunk.length;
    yield chunk;
  }
  yield tarPadding(size);
}

function member(
  name: string,
  node: TreeNode,
  more: { readonly type: string; readonly linkName?: string },
): Buffer {
  const { mode, uid, gid, mtime } = node.kind === 'directory' ? node.metadata : node;
  const isBody = more.type === TYPES.file && node.kind === 'file';
  const isDevice = node.kind === 'char-device' || node.kind === 'block-device';
  const xattrs = more.type === '1' ? undefined : storedXattrs(node);
  return encodeTarEntry({
    ...{ name, mode, uid, gid, mtime, linkName: '', ...more },
    size: isBody ? node.size : 0,
    major: isDevice ? node.major : 0,
    minor: isDevice ? node.minor : 0,
    ...(xattrs === undefined ? {} : { xattrs }),
  });
}

/** The mark of an opaque directory is written as a file instead. */
function storedXattrs(node: TreeNode): Xattrs | undefined {
  if (!('xattrs' in node) || !node.xattrs.has(OPAQUE_XATTR))
    return 'xattrs' in node ? node.xattrs : undefined;
  return new Map([...node.xattrs].filter(([key]) => key !== OPAQUE_XATTR));
}

function whiteout(name: string): Buffer {
  return encodeTarEntry({ ...NOTHING, name, type: TYPES.file, size: 0, linkName: '', major: 0, minor: 0 });
}
