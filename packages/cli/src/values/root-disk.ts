import { InvalidConfigError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

/** What `--root-disk` asks for. */
export type RootDiskSpec =
  | { readonly kind: 'managed'; readonly sizeMib: number }
  | { readonly kind: 'tmpfs'; readonly sizeMib?: number }
  | {
      readonly kind: 'flat';
      readonly sizeMib?: number;
      readonly fstype?: string;
      readonly clone?: 'auto' | 'copy' | 'reflink';
    }
  | {
      readonly kind: 'disk';
      readonly path: string;
      readonly format?: 'raw' | 'qcow2';
      readonly fstype?: string;
    };

const CLONES = ['auto', 'copy', 'reflink'] as const;
const FORMATS = ['raw', 'qcow2'] as const;

/**
 * `SIZE`, `tmpfs[:SIZE]`, `flat[:SIZE][,OPTIONS]` or an image path (spec: cli 3.9).
 *
 * @throws InvalidConfigError
 */
export function parseRootDisk(text: string): RootDiskSpec {
  if (text === '') throw fail('requires a value (e.g. 8G, tmpfs:2G, flat:8G, ./scratch.qcow2:format=qcow2)');
  const [head, options] = splitAtFirst(text, ':') ?? [text, undefined];
  if (head === 'tmpfs')
    return options === undefined ? { kind: 'tmpfs' } : { kind: 'tmpfs', sizeMib: parseSizeMib(options) };
  if (head === 'flat') return flat(options);
  if (/^[.~]/.test(head) || /[/\\]/.test(head)) return disk(head, options);
  if (options !== undefined) {
    throw fail(
      "options after ':' are only valid for flat or a disk image path (e.g. ./scratch.qcow2:format=qcow2)",
    );
  }
  return { kind: 'managed', sizeMib: managedSize(text) };
}

function managedSize(text: string): number {
  try {
    return parseSizeMib(text);
  } catch (error) {
    throw fail(
      `${(error as Error).message} (expected a size, tmpfs[:SIZE], flat[:SIZE][,OPTIONS], or an image path)`,
    );
  }
}

function flat(options: string | undefined): RootDiskSpec {
  if (options === undefined) return { kind: 'flat' };
  if (options === '') throw fail("flat: requires a size or option after ':'");
  let sizeMib: number | undefined;
  let fstype: string | undefined;
  let clone: (typeof CLONES)[number] | undefined;
  for (const [index, token] of options.split(',').entries()) {
    const option = splitAtFirst(token, '=');
    if (token === '') throw fail('empty flat root option');
    if (option === null && index === 0) sizeMib = parseSizeMib(token);
    else if (option?.[0] === 'fstype') {
      if (fstype !== undefined) throw fail('duplicate fstype option');
      fstype = option[1];
    } else if (option?.[0] === 'clone') {
      if (clone !== undefined) throw fail('duplicate clone option');
      clone = CLONES.find((name) => name === option[1]);
      if (clone === undefined) {
        throw fail(`unsupported flat clone strategy '${option[1]}' (expected auto, copy, or reflink)`);
      }
    } else {
      throw fail(
        `unknown flat option '${token}' (expected an optional leading size, fstype=..., or clone=auto|copy|reflink)`,
      );
    }
  }
  return { kind: 'flat', ...defined({ sizeMib, fstype, clone }) };
}

function disk(path: string, options: string | undefined): RootDiskSpec {
  let format: (typeof FORMATS)[number] | undefined;
  let fstype: string | undefined;
  for (const token of options === undefined ? [] : options.split(',')) {
    const [key, value] = splitAtFirst(token, '=') ?? [token, ''];
    if (key === 'format') {
      format = FORMATS.find((name) => name === value);
      if (format === undefined) throw fail(`unsupported format '${value}' (expected raw or qcow2)`);
    } else if (key === 'fstype') {
      fstype = value;
    } else if (key === 'size') {
      throw fail('size= is not valid for a disk image; the image file determines the size');
    } else {
      throw fail(`unknown option '${token}' (expected format=raw|qcow2 or fstype=...)`);
    }
  }
  return { kind: 'disk', path, ...defined({ format, fstype }) };
}

function fail(reason: string): InvalidConfigError {
  return new InvalidConfigError(`--root-disk ${reason}`);
}

/** The object without its undefined values. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
