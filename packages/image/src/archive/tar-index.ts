import type { FileHandle } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { readExactly } from '../io/read-exactly.ts';
import { ExtensionHeaders } from '../tar/extension-headers.ts';
import { decodeTarHeader, RECORD_BYTES, type TarHeader } from '../tar/tar-header.ts';
import type { TarMember } from '../tar/tar-member.ts';
import { quotePath } from '../tree/quote-path.ts';

const MAX_ENTRIES = 1_000_000;
const MAX_EXTENSION_BYTES = 1024 * 1024;
const DIRECTORY_TYPE = '5';
const GLOBAL_HEADER_TYPE = 'g';

/** Where a member of an archive is, or to which other it leads. */
export type IndexedMember =
  | { readonly kind: 'file'; readonly offset: number; readonly size: number }
  | { readonly kind: 'link'; readonly target: string };

/**
 * Lists the members of an uncompressed tar file by name, without reading their bodies. Later members of a name replace
 * earlier ones. Links lead to a name of the archive.
 *
 * @throws {ImageError} when the archive is broken or has more than a million members.
 */
export async function indexTar(handle: FileHandle, path: string): Promise<Map<string, IndexedMember>> {
  const { size: end } = await handle.stat();
  const members = new Map<string, IndexedMember>();
  const extensions = new ExtensionHeaders();
  const record = Buffer.allocUnsafe(RECORD_BYTES);
  let at = 0;
  for (let count = 0; at + RECORD_BYTES <= end; count++) {
    if (count === MAX_ENTRIES) throw new ImageError('archive has too many entries');
    await readExactly(handle, path, record, at);
    if (record.every((byte) => byte === 0)) break;
    const header = decodeTarHeader(record);
    const body = at + RECORD_BYTES;
    let { size } = header;
    if (ExtensionHeaders.isExtension(header.type)) {
      extensions.add(header.type, await readExtension(handle, path, header, body));
    } else if (header.type !== GLOBAL_HEADER_TYPE) {
      const member = extensions.apply(header, null);
      ({ size } = member);
      addMember(members, member, body);
    }
    if (body + size > end) throw new ImageError('archive ends inside an entry');
    at = body + Math.ceil(size / RECORD_BYTES) * RECORD_BYTES;
  }
  extensions.assertNoneLeft();
  return members;
}

async function readExtension(
  handle: FileHandle,
  path: string,
  { size }: TarHeader,
  offset: number,
): Promise<Buffer> {
  if (size > MAX_EXTENSION_BYTES) throw new ImageError('extension header too large');
  const body = Buffer.allocUnsafe(size);
  await readExactly(handle, path, body, offset);
  return body;
}

function addMember(members: Map<string, IndexedMember>, member: TarMember, offset: number): void {
  const name = memberName(member.path);
  if (name === '' || member.type === DIRECTORY_TYPE) return;
  if (member.type === '1') members.set(name, { kind: 'link', target: memberName(member.linkPath) });
  else if (member.type === '2')
    members.set(name, { kind: 'link', target: resolveLink(name, member.linkPath) });
  else if (/^[\0 07]$/.test(member.type)) members.set(name, { kind: 'file', offset, size: member.size });
}

/** Names are text here, and compared with those in JSON. */
function memberName(bytes: string): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch (cause) {
    throw new ImageError(`archive entry name is not UTF-8: ${quotePath(bytes)}`, { cause });
  }
  return name.replace(/^\.\//, '').replace(/\/+$/, '');
}

/** A symbolic link's target as a name of the archive; one that leaves the archive leads to no name. */
function resolveLink(name: string, target: string): string {
  const parts = name.split('/').slice(0, -1);
  for (const part of memberName(target).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
