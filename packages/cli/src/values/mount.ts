import { stat } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

/** Options that describe a mount, without their dashes. */
export type MountContext = 'volume' | 'mount-dir' | 'mount-file' | 'mount-disk' | 'mount-named';

/** A mount as the command line describes it. */
export interface ParsedMount {
  readonly source: string;
  /** Whether the source is a path of the host, and not the name of a volume. */
  readonly isPath: boolean;
  readonly guest: string;
  readonly flags: ReadonlySet<MountFlag>;
  readonly followRootSymlinks: boolean;
  readonly statVirt?: 'strict' | 'relaxed' | 'off';
  readonly hostPerms?: 'private' | 'mirror';
  readonly quotaMib?: number;
  /** Of a named volume. */
  readonly kind?: 'dir' | 'disk';
  /** Of a named disk. */
  readonly sizeMib?: number;
  /** Of a disk image. */
  readonly fstype?: string;
  readonly format?: 'qcow2' | 'raw' | 'vmdk';
}

export type MountFlag = 'readonly' | 'noexec' | 'nosuid' | 'nodev';

const FLAGS: ReadonlyMap<string, MountFlag | null> = new Map([
  ['ro', 'readonly'],
  ['rw', null],
  ['noexec', 'noexec'],
  ['nosuid', 'nosuid'],
  ['nodev', 'nodev'],
  ['follow-root-symlinks', null],
]);
/** Keys with values that each context takes (spec: cli 3.7). */
const KEYS: Readonly<Record<MountContext, readonly string[]>> = {
  volume: ['stat-virt', 'host-perms', 'quota'],
  'mount-dir': ['stat-virt', 'host-perms', 'quota'],
  'mount-file': ['stat-virt', 'host-perms'],
  'mount-disk': ['fstype', 'format'],
  'mount-named': ['stat-virt', 'host-perms', 'quota', 'size', 'kind'],
};
const ALL_KEYS: ReadonlySet<string> = new Set([...Object.values(KEYS).flat()]);

const PATH = /^(\/|\.\/|\.\.\/)|^\.\.?$/;

/**
 * `SOURCE:DEST[:OPTIONS]` (spec: cli 3.7).
 *
 * @throws InvalidConfigError
 */
export function parseMount(context: MountContext, text: string): ParsedMount {
  const fail = (reason: string): InvalidConfigError => new InvalidConfigError(`${context} ${reason}`);
  const at = text.indexOf(':/');
  if (at < 0) throw fail('must be in format source:/guest[:options]');
  const source = text.slice(0, at);
  if (source === '') throw fail('source must not be empty');
  const [guest, options] = splitAtFirst(text.slice(at + 1), ':') ?? [text.slice(at + 1), undefined];
  if (guest === '') throw fail('guest path must not be empty');
  if (options === undefined && guest.includes(',')) {
    throw fail('options must use source:guest:options syntax, for example SRC:DST:OPTS');
  }
  if (context === 'mount-named' && PATH.test(source)) {
    throw fail(`source must be a volume name, not a host path: ${source}`);
  }
  const mount = { source, isPath: isPath(context, source), guest, ...parseOptions(context, options ?? '') };
  if (context === 'mount-named') checkNamed(mount);
  return mount;
}

function isPath(context: MountContext, source: string): boolean {
  if (context === 'mount-named') return false;
  return context !== 'volume' || PATH.test(source);
}

/** What of a named volume goes together (spec: cli 3.7). */
function checkNamed({ kind = 'dir', sizeMib, quotaMib, statVirt, hostPerms }: ParsedMount): void {
  const refuse = (reason: string): InvalidConfigError => new InvalidConfigError(`mount-named ${reason}`);
  if (kind === 'dir') {
    if (sizeMib !== undefined) throw refuse('option `size` requires kind=disk');
    return;
  }
  if (sizeMib === undefined) throw refuse('kind=disk requires size=...');
  if (quotaMib !== undefined) throw refuse('kind=disk does not support quota=...');
  if (statVirt !== undefined || hostPerms !== undefined) {
    throw refuse('kind=disk does not support stat-virt=... or host-perms=...');
  }
}

type MountOptions = Omit<ParsedMount, 'source' | 'isPath' | 'guest'>;

function parseOptions(context: MountContext, text: string): MountOptions {
  const flags = new Set<MountFlag>();
  const seen = new Set<string>();
  const values = new Map<string, string>();
  for (const token of text.split(',').map((item) => item.trim())) {
    if (token === '') continue;
    const [key, value] = splitAtFirst(token, '=') ?? [token, undefined];
    const once = key === 'ro' || key === 'rw' ? 'ro`/`rw' : key;
    if (seen.has(once)) throw new InvalidConfigError(`mount option \`${once}\` specified more than once`);
    seen.add(once);
    if (value === undefined) {
      const flag = knownFlag(context, key);
      if (flag !== null) flags.add(flag);
    } else {
      checkKey(context, key);
      values.set(key, value);
    }
  }
  const statVirt = choice('stat-virt', ['strict', 'relaxed', 'off'] as const, values.get('stat-virt'));
  const hostPerms = choice('host-perms', ['private', 'mirror'] as const, values.get('host-perms'));
  const kind = values.get('kind');
  const fstype = values.get('fstype');
  const size = (key: string): number | undefined => {
    const mib = values.get(key);
    return mib === undefined ? undefined : parseSizeMib(mib);
  };
  const [quotaMib, sizeMib, format] = [size('quota'), size('size'), diskFormat(values.get('format'))];
  return {
    flags,
    followRootSymlinks: seen.has('follow-root-symlinks'),
    ...(statVirt !== undefined && { statVirt }),
    ...(hostPerms !== undefined && { hostPerms }),
    ...(quotaMib !== undefined && { quotaMib }),
    ...(sizeMib !== undefined && { sizeMib }),
    ...(kind !== undefined && { kind: volumeKind(kind) }),
    ...(fstype !== undefined && { fstype: checkedFstype(fstype) }),
    ...(format !== undefined && { format }),
  };
}

function knownFlag(context: MountContext, token: string): MountFlag | null {
  const flag = FLAGS.get(token);
  if (token === 'follow-root-symlinks' && context === 'mount-disk') {
    throw new InvalidConfigError(`mount option \`${token}\` is not valid here`);
  }
  if (flag !== undefined) return flag;
  if (['suid', 'exec', 'dev'].includes(token)) {
    throw new InvalidConfigError(`unsupported mount option "${token}"`);
  }
  throw new InvalidConfigError(`mount option "${token}" must be a flag or key=value`);
}

function checkKey(context: MountContext, key: string): void {
  if (KEYS[context].includes(key)) return;
  throw new InvalidConfigError(
    ALL_KEYS.has(key) ? `mount option \`${key}\` is not valid here` : `unknown mount option "${key}"`,
  );
}

function volumeKind(text: string): 'dir' | 'disk' {
  if (text === 'dir' || text === 'directory') return 'dir';
  if (text === 'disk') return 'disk';
  throw new InvalidConfigError(`invalid named volume kind "${text}" (expected dir|disk)`);
}

function diskFormat(text: string | undefined): ParsedMount['format'] {
  const format = (['qcow2', 'raw', 'vmdk'] as const).find((word) => word === text);
  if (text === undefined || format !== undefined) return format;
  throw new InvalidConfigError(`invalid disk image format "${text}": unknown disk image format: ${text}`);
}

function checkedFstype(text: string): string {
  if (text === '') throw new InvalidConfigError('mount option `fstype` must not be empty');
  if (!/[,;:=]/.test(text)) return text;
  throw new InvalidConfigError("mount option `fstype` must not contain ',', ';', ':', or '='");
}

function choice<T extends string>(
  key: string,
  known: readonly T[],
  value: string | undefined,
): T | undefined {
  const found = known.find((word) => word === value);
  if (value === undefined || found !== undefined) return found;
  throw new InvalidConfigError(`invalid ${key} "${value}" (expected ${known.join('|')})`);
}

/**
 * Checks at once that the source of `--mount-dir` or `--mount-file` is there.
 *
 * @throws InvalidConfigError
 */
export async function checkMountSource(context: MountContext, { source }: ParsedMount): Promise<void> {
  if (context !== 'mount-dir' && context !== 'mount-file') return;
  const entry = await stat(source).catch((error: Error) => {
    throw new InvalidConfigError(`${context} source "${source}": ${error.message}`);
  });
  if (context === 'mount-dir' && !entry.isDirectory()) {
    throw new InvalidConfigError(`mount-dir source is not a directory: ${source}`);
  }
  if (context === 'mount-file' && !entry.isFile()) {
    throw new InvalidConfigError(`mount-file source is not a regular file: ${source}`);
  }
}
