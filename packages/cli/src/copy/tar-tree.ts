import { memberKind, type TarMember, TarScanner } from '@microsandbox/image';
import { CustomError, ImageError } from '@microsandbox/types';
import { type ByteName, nameText } from './byte-name.ts';
import { permissionsOf, type TreeEntry } from './tree-entry.ts';

/** Names and targets in an archive may be this long, bytes. */
const MAX_EXTENSION_BYTES = 1 << 20;

type TarEvent = { readonly member: TarMember } | { readonly body: Uint8Array };

/** The members of a tar archive. Folders may be left out, as archives do. */
export async function* tarTree(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry, void, void> {
  const events = tarEvents(archive);
  for await (const event of { [Symbol.asyncIterator]: () => withoutReturn(events) }) {
    if ('member' in event) {
      const entry = entryOf(event.member, events);
      if (entry !== null) yield entry;
    }
  }
}

/** Members and pieces of their bodies, in the order of the archive. It is read to its end, for its writer's sake. */
async function* tarEvents(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarEvent, void, void> {
  let found: TarEvent[] = [];
  const scanner = new TarScanner(
    {
      member(member) {
        found.push({ member });
        return memberKind(member) === 'file';
      },
      body(bytes) {
        found.push({ body: bytes });
      },
    },
    { extensionBytes: MAX_EXTENSION_BYTES, streamBytes: Number.MAX_SAFE_INTEGER },
  );
  for await (const chunk of archive) {
    asArchive(() => scanner.push(chunk));
    yield* found;
    found = [];
  }
  asArchive(() => scanner.end());
}

/** What the scanner finds wrong, told as what it means to whoever gave the archive. */
function asArchive(scan: () => void): void {
  try {
    scan();
  } catch (cause) {
    throw new ImageError(`no readable tar archive: ${(cause as Error).message}`, {
      cause,
      hint: 'an archive is expected as `tar c` writes it, not compressed',
    });
  }
}

/** The body of a file is taken from the same events, so a loop over them must not end them. */
function withoutReturn<T>(source: AsyncGenerator<T, void, void>): AsyncIterator<T, void> {
  return { next: () => source.next() };
}

async function* bodyOf(
  events: AsyncGenerator<TarEvent, void, void>,
  size: number,
): AsyncGenerator<Uint8Array, void, void> {
  for (let left = size; left > 0; ) {
    const { done, value } = await events.next();
    if (done || !('body' in value)) throw new CustomError('the archive ends inside a file');
    left -= value.body.length;
    yield value.body;
  }
}

/** The entry of a member; null for members that make nothing. */
function entryOf(member: TarMember, events: AsyncGenerator<TarEvent, void, void>): TreeEntry | null {
  const path = namesOf(member.path);
  const base = { path, mode: permissionsOf(member.mode), modified: new Date(member.mtime * 1000) };
  const kind = memberKind(member);
  switch (kind) {
    case null:
      return null;
    case 'directory':
      return { ...base, kind };
    case 'symlink':
      return { ...base, kind, target: withoutNul(member.linkPath) };
    case 'hardlink':
      return { ...base, kind: 'file', size: 0, open: nothing, sameAs: namesOf(member.linkPath) };
    case 'file':
      if (member.sparse !== null)
        throw new CustomError(`unsupported file type: ${nameText(member.path)} (sparse)`);
      return { ...base, kind, size: member.size, open: () => bodyOf(events, member.size) };
    default:
      throw new CustomError(`unsupported file type: ${nameText(member.path)}`);
  }
}

/** Names from the archive's root down; what climbs out of it is refused. */
function namesOf(path: ByteName): ByteName[] {
  const names = withoutNul(path)
    .split('/')
    .filter((name) => name !== '' && name !== '.');
  if (names.includes('..'))
    throw new CustomError(`refusing ${JSON.stringify(nameText(path))}: it leaves the archive`);
  return names;
}

/** No file system takes a name with a NUL. */
function withoutNul(name: ByteName): ByteName {
  if (!name.includes('\0')) return name;
  throw new CustomError(`invalid guest path component ${JSON.stringify(nameText(name))}`);
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}
