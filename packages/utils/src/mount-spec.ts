import { InvalidConfigError } from '@microsandbox/types';

/** A shared folder in a launch configuration: `tag:host[:opts]` (spec: runtime A1). */
export interface MountSpec {
  readonly tag: string;
  /** Absolute path of the folder. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly noexec: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
  readonly statVirt: 'strict' | 'relaxed' | 'off';
  readonly hostPerms: 'private' | 'mirror';
  readonly followRootSymlinks: boolean;
  /** MiB by which the guest may make the folder grow; null without a limit. */
  readonly quotaMib: number | null;
}

const FLAGS = ['ro', 'rw', 'noexec', 'nosuid', 'nodev', 'follow-root-symlinks'];
const UNSUPPORTED = ['suid', 'exec', 'dev'];
const VALUES: Readonly<Record<string, RegExp>> = {
  'stat-virt': /^(strict|relaxed|off)$/,
  'host-perms': /^(private|mirror)$/,
  quota: /^\d{1,15}$/,
};

/** Writes a mount; defaults are left out. */
export function formatMountSpec(mount: MountSpec): string {
  const options = [
    mount.readonly && 'ro',
    mount.noexec && 'noexec',
    mount.nosuid && 'nosuid',
    mount.nodev && 'nodev',
    mount.statVirt !== 'strict' && `stat-virt=${mount.statVirt}`,
    mount.hostPerms !== 'private' && `host-perms=${mount.hostPerms}`,
    mount.followRootSymlinks && 'follow-root-symlinks',
    mount.quotaMib !== null && `quota=${mount.quotaMib}`,
  ].filter((option) => option !== false);
  // Without options a colon in the path would be taken for the one before them.
  const needsOptions = options.length > 0 || mount.hostPath.includes(':');
  return `${mount.tag}:${mount.hostPath}${needsOptions ? `:${options.join(',') || 'rw'}` : ''}`;
}

/**
 * Reads what {@link formatMountSpec} writes, and what the reference implementation does.
 *
 * @throws InvalidConfigError
 */
export function parseMountSpec(spec: string): MountSpec {
  const first = spec.indexOf(':');
  if (first < 0) throw invalid(`expected tag:host_path[:opts] shape, got "${spec}"`);
  const rest = spec.slice(first + 1);
  const last = rest.lastIndexOf(':');
  const tag = spec.slice(0, first);
  const hostPath = last < 0 ? rest : rest.slice(0, last);
  if (tag === '') throw invalid('empty tag in mount spec');
  if (hostPath === '') throw invalid('empty host path in mount spec');
  if (hostPath.includes(',')) {
    throw invalid(`mount options must use tag:host_path:opts syntax, got comma in host path "${hostPath}"`);
  }
  const options = readOptions(last < 0 ? '' : rest.slice(last + 1));
  const quota = options.get('quota');
  return {
    tag,
    hostPath,
    readonly: options.has('ro'),
    noexec: options.has('noexec'),
    nosuid: options.has('nosuid'),
    nodev: options.has('nodev'),
    statVirt: (options.get('stat-virt') ?? 'strict') as MountSpec['statVirt'],
    hostPerms: (options.get('host-perms') ?? 'private') as MountSpec['hostPerms'],
    followRootSymlinks: options.has('follow-root-symlinks'),
    quotaMib: quota === undefined ? null : Number(quota),
  };
}

function readOptions(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const option of text.split(',').map((item) => item.trim())) {
    if (option === '') continue;
    const equals = option.indexOf('=');
    const key = equals < 0 ? option : option.slice(0, equals);
    const value = equals < 0 ? null : option.slice(equals + 1);
    checkOption(option, key, value);
    const isAccess = key === 'ro' || key === 'rw';
    if (isAccess ? options.has('ro') || options.has('rw') : options.has(key)) {
      throw invalid(`mount option \`${isAccess ? 'ro`/`rw' : key}\` specified more than once`);
    }
    options.set(key, value ?? '');
  }
  return options;
}

function checkOption(option: string, key: string, value: string | null): void {
  if (value === null) {
    if (FLAGS.includes(key)) return;
    if (UNSUPPORTED.includes(key)) throw invalid(`unsupported mount option "${key}"`);
    throw invalid(`expected flag or key=value option, got "${option}"`);
  }
  const pattern = Object.hasOwn(VALUES, key) ? VALUES[key] : undefined;
  if (pattern === undefined) throw invalid(`unknown mount option "${key}"`);
  if (!pattern.test(value)) throw invalid(`invalid mount option "${option}"`);
}

function invalid(reason: string): InvalidConfigError {
  return new InvalidConfigError(`invalid config: ${reason}`);
}
