import { stat } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

/** Options that describe a shared folder or file, without their dashes. */
export type MountContext = 'volume' | 'mount-dir' | 'mount-file';

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
const KEYS = ['stat-virt', 'host-perms', 'quota'];
/** Keys that other mounts know. */
const FOREIGN_KEYS = ['kind', 'size', 'fstype', 'format'];

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
  return {
    source,
    isPath: context !== 'volume' || source === '.' || source === '..' || /^(\/|\.\/|\.\.\/)/.test(source),
    guest,
    ...parseOptions(context, options ?? ''),
  };
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
      const flag = knownFlag(key);
      if (flag !== null) flags.add(flag);
    } else {
      checkKey(context, key);
      values.set(key, value);
    }
  }
  const statVirt = choice('stat-virt', ['strict', 'relaxed', 'off'] as const, values.get('stat-virt'));
  const hostPerms = choice('host-perms', ['private', 'mirror'] as const, values.get('host-perms'));
  const quota = values.get('quota');
  return {
    flags,
    followRootSymlinks: seen.has('follow-root-symlinks'),
    ...(statVirt !== undefined && { statVirt }),
    ...(hostPerms !== undefined && { hostPerms }),
    ...(quota !== undefined && { quotaMib: parseSizeMib(quota) }),
  };
}

function knownFlag(token: string): MountFlag | null {
  const flag = FLAGS.get(token);
  if (flag !== undefined) return flag;
  if (['suid', 'exec', 'dev'].includes(token)) {
    throw new InvalidConfigError(`unsupported mount option "${token}"`);
  }
  throw new InvalidConfigError(`mount option "${token}" must be a flag or key=value`);
}

function checkKey(context: MountContext, key: string): void {
  if (FOREIGN_KEYS.includes(key) || (key === 'quota' && context === 'mount-file')) {
    throw new InvalidConfigError(`mount option \`${key}\` is not valid here`);
  }
  if (!KEYS.includes(key)) throw new InvalidConfigError(`unknown mount option "${key}"`);
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
  if (context === 'volume') return;
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
