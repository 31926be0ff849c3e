import { RECORD_BYTES } from '../tar/tar-header.ts';
import type { Xattrs } from '../tree/nodes.ts';
import { encodeTarHeader, MAX_NAME_BYTES, type TarHeaderFields } from './encode-tar-header.ts';

/** A member of an archive without its body. Names may have any length. */
export interface TarEntryFields extends TarHeaderFields {
  readonly xattrs?: Xattrs;
}

const EXTENSION = { mode: 0o644, uid: 0, gid: 0, mtime: 0, linkName: '', major: 0, minor: 0 };
const LONG_LINK = '././@LongLink';

/**
 * Header of a member with the extension headers it needs: GNU's for long names; PAX where there are extended
 * attributes, because GNU has none for them, and then for names too, so that no field is said twice.
 */
export function encodeTarEntry(entry: TarEntryFields): Buffer {
  const { name, linkName, xattrs } = entry;
  const records: Buffer[] = [];
  if (xattrs !== undefined && xattrs.size > 0) {
    records.push(encodePax(entry, xattrs));
  } else {
    if (linkName.length > MAX_NAME_BYTES) records.push(encodeLong('K', linkName));
    if (name.length > MAX_NAME_BYTES) records.push(encodeLong('L', name));
  }
  records.push(encodeTarHeader(entry));
  return Buffer.concat(records);
}

/** Zeros after a body of that length. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((RECORD_BYTES - (bytes % RECORD_BYTES)) % RECORD_BYTES);
}

/** Two records of zeros end an archive. */
export const TAR_END = Buffer.alloc(2 * RECORD_BYTES);

function encodeLong(type: 'L' | 'K', text: string): Buffer {
  return extension(type, LONG_LINK, Buffer.from(`${text}\0`, 'latin1'));
}

function encodePax({ name, linkName }: TarEntryFields, xattrs: Xattrs): Buffer {
  const records = [...xattrs].map(([key, value]) => paxRecord(`SCHILY.xattr.${key}`, value));
  if (name.length > MAX_NAME_BYTES) records.push(paxRecord('path', Buffer.from(name, 'latin1')));
  if (linkName.length > MAX_NAME_BYTES) records.push(paxRecord('linkpath', Buffer.from(linkName, 'latin1')));
  return extension('x', 'PaxHeaders/x', Buffer.concat(records));
}

function extension(type: string, name: string, body: Buffer): Buffer {
  return Buffer.concat([
    encodeTarHeader({ ...EXTENSION, name, type, size: body.length }),
    body,
    tarPadding(body.length),
  ]);
}

/** `length key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}
