import type { TarMember } from './tar-member.ts';

export type MemberKind =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'char-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'socket';

/** Type flags of POSIX ustar, GNU's for sparse files, and the backquote that image archives of this project use for sockets. */
const KINDS: Readonly<Record<string, MemberKind>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  '`': 'socket',
  S: 'file',
};

/** What a member makes; null for members that make nothing (labels, volume headers, unknown types). */
export function memberKind({ type, path }: Pick<TarMember, 'type' | 'path'>): MemberKind | null {
  // V7 archives have no type for directories: their names end in a slash.
  if (type === '\0' && path.endsWith('/')) return 'directory';
  return KINDS[type] ?? null;
}
