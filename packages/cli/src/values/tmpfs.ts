import { InvalidConfigError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

export interface TmpfsSpec {
  readonly path: string;
  readonly sizeMib?: number;
  readonly readonly: boolean;
  readonly noexec: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
}

const FLAGS = ['ro', 'rw', 'noexec', 'nosuid', 'nodev'] as const;
type Flag = (typeof FLAGS)[number];
/** Words that make a segment an option block although they are no options. */
const UNSUPPORTED = ['suid', 'exec', 'dev'];
/** Keys other mounts know. */
const FOREIGN_KEYS = ['quota', 'kind', 'fstype', 'format', 'stat-virt', 'host-perms', 'follow-root-symlinks'];

/**
 * `--tmpfs PATH`, `PATH:SIZE`, `PATH:OPTIONS` or `PATH:SIZE:OPTIONS` (spec: cli 3.8).
 *
 * @throws InvalidConfigError
 */
export function parseTmpfs(text: string): TmpfsSpec {
  const [path = '', ...segments] = text.split(':');
  if (path === '') throw new InvalidConfigError('tmpfs path must not be empty');
  const [first, ...others] = segments;
  if (first === undefined) return withOptions(path, undefined, []);
  if (others.length === 0 && isOptionBlock(first)) return withOptions(path, undefined, first.split(','));
  if (others.length > 0 && first === '') {
    throw new InvalidConfigError('tmpfs size must not be empty before options');
  }
  return withOptions(path, parseSizeMib(first), others.join(':').split(','));
}

function isOptionBlock(segment: string): boolean {
  return /[,=]/.test(segment) || [...FLAGS, ...UNSUPPORTED].includes(segment);
}

function withOptions(path: string, positionalSize: number | undefined, tokens: readonly string[]): TmpfsSpec {
  const seen = new Set<string>();
  let sizeMib = positionalSize;
  for (const token of tokens.map((item) => item.trim()).filter((item) => item !== '')) {
    const [key, value] = splitAtFirst(token, '=') ?? [token, undefined];
    const once = key === 'ro' || key === 'rw' ? 'ro`/`rw' : key;
    if (seen.has(once)) throw new InvalidConfigError(`mount option \`${once}\` specified more than once`);
    seen.add(once);
    seen.add(key);
    if (value === undefined) checkFlag(key);
    else if (key !== 'size') throw unknownOption(key);
    else if (sizeMib !== undefined) throw new InvalidConfigError('tmpfs size specified more than once');
    else sizeMib = parseSizeMib(value);
  }
  const has = (flag: Flag): boolean => seen.has(flag);
  return {
    path,
    ...(sizeMib === undefined ? {} : { sizeMib }),
    readonly: has('ro'),
    noexec: has('noexec'),
    nosuid: has('nosuid'),
    nodev: has('nodev'),
  };
}

function checkFlag(token: string): void {
  if (FLAGS.some((flag) => flag === token)) return;
  if (UNSUPPORTED.includes(token)) throw new InvalidConfigError(`unsupported mount option "${token}"`);
  if (FOREIGN_KEYS.includes(token)) throw unknownOption(token);
  throw new InvalidConfigError(`mount option "${token}" must be a flag or key=value`);
}

function unknownOption(key: string): InvalidConfigError {
  return new InvalidConfigError(
    FOREIGN_KEYS.includes(key)
      ? `mount option \`${key}\` is not valid here`
      : `unknown mount option "${key}"`,
  );
}
