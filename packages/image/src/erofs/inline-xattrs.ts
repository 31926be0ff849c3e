import { ImageError } from '@microsandbox/types';
import { NO_XATTRS, type Xattrs } from '../tree/nodes.ts';
import { alignUp, XATTR_ENTRY_BYTES, XATTR_HEADER_BYTES, XATTR_PREFIXES } from './erofs-format.ts';

/** Bytes that extended attributes take behind an inode; 0 when there are none. */
export function xattrBodyBytes(xattrs: Xattrs): number {
  if (xattrs.size === 0) return 0;
  let bytes = XATTR_HEADER_BYTES;
  for (const [name, value] of xattrs) {
    const suffix = name.length - splitName(name).prefix.length;
    if (suffix > 0xff || value.length > 0xffff) throw new ImageError('extended attribute too large');
    bytes += alignUp(XATTR_ENTRY_BYTES + suffix + value.length, 4);
  }
  // The inode counts in words of four bytes, in 16 bits.
  if (xattrCount(bytes) > 0xffff) throw new ImageError('extended attributes too large');
  return bytes;
}

/** `i_xattr_icount` of an inode whose extended attributes take that many bytes. */
export function xattrCount(bodyBytes: number): number {
  return bodyBytes === 0 ? 0 : (bodyBytes - XATTR_HEADER_BYTES) / 4 + 1;
}

/** Reverse of {@link xattrCount}. */
export function xattrBodyBytesOfCount(count: number): number {
  return count === 0 ? 0 : XATTR_HEADER_BYTES + (count - 1) * 4;
}

/** Writes extended attributes at `offset` of a buffer that holds zeros there. */
export function writeXattrs(target: Buffer, offset: number, xattrs: Xattrs): void {
  let at = offset + XATTR_HEADER_BYTES;
  for (const [name, value] of xattrs) {
    const { prefix, index } = splitName(name);
    const suffix = name.slice(prefix.length);
    target[at] = suffix.length;
    target[at + 1] = index;
    target.writeUInt16LE(value.length, at + 2);
    target.write(suffix, at + XATTR_ENTRY_BYTES, 'latin1');
    target.set(value, at + XATTR_ENTRY_BYTES + suffix.length);
    at += alignUp(XATTR_ENTRY_BYTES + suffix.length + value.length, 4);
  }
}

/** Reads the extended attributes in `body`, all the bytes between inode and data. */
export function parseXattrs(body: Buffer): Xattrs {
  if (body.length === 0) return NO_XATTRS;
  if (body[4] !== 0) throw new ImageError('broken EROFS image: shared extended attributes');
  const xattrs = new Map<string, Buffer>();
  for (let at = XATTR_HEADER_BYTES; at < body.length; ) {
    if (at + XATTR_ENTRY_BYTES > body.length) throw broken();
    const valueAt = at + XATTR_ENTRY_BYTES + (body[at] as number);
    const end = valueAt + body.readUInt16LE(at + 2);
    const prefix = XATTR_PREFIXES.find(([, index]) => index === body[at + 1])?.[0];
    if (prefix === undefined) throw new ImageError('unsupported xattr prefix');
    if (end > body.length) throw broken();
    const name = prefix + body.toString('latin1', at + XATTR_ENTRY_BYTES, valueAt);
    xattrs.set(name, Buffer.from(body.subarray(valueAt, end)));
    at = alignUp(end, 4);
  }
  return xattrs;
}

function splitName(name: string): { readonly prefix: string; readonly index: number } {
  const found = XATTR_PREFIXES.find(([prefix]) => name.startsWith(prefix));
  if (found === undefined) throw new ImageError('unsupported xattr prefix');
  return { prefix: found[0], index: found[1] };
}

function broken(): ImageError {
  return new ImageError('broken EROFS image: extended attributes run over their end');
}
