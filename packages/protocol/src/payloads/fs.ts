import { ProtocolError } from '@microsandbox/types';
import { type Codec, type InputOf, type OutputOf, shapeError } from '../cbor/codec.ts';
import { nullable, omitted, required } from '../cbor/field.ts';
import { guestPath } from '../cbor/guest-path.ts';
import { list } from '../cbor/list.ts';
import { bool, bytes, i64, text, u32, u64 } from '../cbor/scalars.ts';
import { struct } from '../cbor/struct.ts';
import { externallyTagged } from '../cbor/tagged.ts';

/** Payloads of the `core.fs.*` messages (protocol section 6.3). */

export const fsSetAttrs = struct({
  mode: nullable(u32),
  uid: nullable(u32),
  gid: nullable(u32),
  size: nullable(u64),
  /** Unix seconds, like `mtime`. */
  atime: nullable(i64),
  mtime: nullable(i64),
});
export type FsSetAttrs = InputOf<typeof fsSetAttrs>;

export const fsOpenOptions = struct({
  read: required(bool),
  write: required(bool),
  append: required(bool),
  create: required(bool),
  truncate: required(bool),
  createNew: required(bool),
  mode: nullable(u32),
});
export type FsOpenOptions = InputOf<typeof fsOpenOptions>;

const path = struct({ path: required(guestPath) });
const sourceAndTarget = struct({ src: required(guestPath), dst: required(guestPath) });
const handle = struct({ handle: required(u64) });
const range = struct({ handle: required(u64), offset: required(u64), len: nullable(u64) });

/** One operation. `kind` is the wire's variant name. */
export const fsOp = externallyTagged({
  RealPath: path,
  Stat: struct({ path: required(guestPath), followSymlink: required(bool) }),
  SetStat: struct({ path: required(guestPath), followSymlink: required(bool), attrs: required(fsSetAttrs) }),
  List: path,
  ReadLink: path,
  Symlink: struct({ target: required(guestPath), linkPath: required(guestPath) }),
  Mkdir: struct({ path: required(guestPath), mode: nullable(u32) }),
  Remove: path,
  RemoveDir: struct({ path: required(guestPath), recursive: required(bool) }),
  Copy: sourceAndTarget,
  Rename: sourceAndTarget,
  OpenFile: struct({ path: required(guestPath), options: required(fsOpenOptions) }),
  OpenDir: path,
  CloseHandle: handle,
  Read: range,
  Write: range,
  ReadDir: struct({ handle: required(u64), limit: nullable(u32) }),
  FStat: handle,
  FSetStat: struct({ handle: required(u64), attrs: required(fsSetAttrs) }),
});
export type FsOp = InputOf<typeof fsOp>;

export const fsRequest = struct({ op: required(fsOp) });
export type FsRequest = InputOf<typeof fsRequest>;

export const fsEntryInfo = struct({
  path: required(text),
  /** `file`, `dir`, `symlink` or `other`. */
  kind: required(text),
  size: required(u64),
  /** Full `st_mode`, file type included. */
  mode: required(u32),
  /** Unix seconds; the same as `mtime`. */
  modified: nullable(i64),
  uid: required(u32),
  gid: required(u32),
  atime: nullable(i64),
  mtime: nullable(i64),
  /** Our own: bytes of the path where they are no UTF-8; `path` then has replacements. */
  pathBytes: omitted(bytes, undefined),
});
export type FsEntryInfo = OutputOf<typeof fsEntryInfo>;

/** What an operation gives back; the key is the wire's variant name. */
export type FsResponseData =
  | { readonly Stat: FsEntryInfo }
  | { readonly List: readonly FsEntryInfo[] }
  | { readonly Handle: bigint }
  | { readonly Path: string };

const resultCodecs = { Stat: fsEntryInfo, List: list(fsEntryInfo), Handle: u64, Path: text };

/** Unlike {@link fsOp}, the variants carry bare values, so the one-entry map stays as it is. */
const fsResponseData: Codec<FsResponseData> = {
  encode: (value) => {
    const entry = Object.entries(value)[0];
    if (entry === undefined) throw new ProtocolError('cbor encode error: empty file system result');
    return { [entry[0]]: resultCodec(entry[0]).encode(entry[1]) };
  },
  decode: (value) => {
    if (!(value instanceof Map) || value.size !== 1) throw shapeError('a map of one entry', value);
    const [[name, content]] = [...value] as [[unknown, unknown]];
    return { [String(name)]: resultCodec(name).decode(content) } as unknown as FsResponseData;
  },
};

function resultCodec(name: unknown): Codec<unknown, unknown> {
  if (typeof name !== 'string' || !Object.hasOwn(resultCodecs, name)) {
    throw new ProtocolError(`cbor decode error: unknown variant ${JSON.stringify(name)}`);
  }
  return resultCodecs[name as keyof typeof resultCodecs] as Codec<unknown, unknown>;
}

export const fsResponse = struct({
  ok: required(bool),
  error: nullable(text),
  data: nullable(fsResponseData),
  /** Our own: bytes of a path in `data` where they are no UTF-8. */
  pathBytes: omitted(bytes, undefined),
});
export type FsResponse = OutputOf<typeof fsResponse>;

/** A piece of a file; from the host, empty data means end of file. */
export const fsData = struct({ data: required(bytes) });
export type FsData = OutputOf<typeof fsData>;
