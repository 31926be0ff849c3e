import type { SandboxConfigRecord } from '@microsandbox/types';
import { type DiskImageFormat, DiskImageFormats } from '../values.ts';

/** What a sandbox stands on, as {@link intoRootfsSource} reads it. */
export type RootfsSource =
  | { readonly kind: 'bind'; readonly path: string }
  | { readonly kind: 'oci'; readonly reference: string }
  | {
      readonly kind: 'disk';
      readonly path: string;
      readonly format: DiskImageFormat;
      readonly fstype?: string;
    };

/** A sandbox's image in its stored form. */
export type StoredImage = SandboxConfigRecord['image'];

/** Format names in stored configurations. */
export const STORED_DISK_FORMATS = { qcow2: 'Qcow2', raw: 'Raw', vmdk: 'Vmdk' } as const;

/**
 * Guesses what a text names: a disk image by its extension (whatever stands before it), a folder by a path
 * prefix, else an image reference. Objects are returned as they are.
 */
export function intoRootfsSource(input: string | RootfsSource): RootfsSource {
  if (typeof input !== 'string') return input;
  const fileName = input.slice(Math.max(input.lastIndexOf('/'), input.lastIndexOf('\\')) + 1);
  const format = diskFormatOf(fileName.toLowerCase());
  if (format !== null) return { kind: 'disk', path: input, format };
  return isLocalPath(input) ? { kind: 'bind', path: input } : { kind: 'oci', reference: input };
}

/**
 * Reads the argument of `SandboxBuilder.image`: here only a path can be a disk image or folder, so that
 * `foo.raw` stays an image reference (spec: sdk 11.1).
 */
export function storedImageOf(text: string): StoredImage {
  if (!isLocalPath(text)) return { Oci: { reference: text } };
  const format = diskFormatOf(text);
  if (format === null) return { Bind: { path: text, follow_root_symlinks: false } };
  return { DiskImage: { path: text, format: STORED_DISK_FORMATS[format], fstype: null } };
}

/** Disk format by file extension, or null. */
export function diskFormatOf(path: string): DiskImageFormat | null {
  const fileName = path.slice(path.lastIndexOf('/') + 1);
  const dot = fileName.lastIndexOf('.');
  if (dot <= 0) return null;
  return DiskImageFormats.find((format) => format === fileName.slice(dot + 1)) ?? null;
}

function isLocalPath(text: string): boolean {
  if (text === '.' || text === '..' || /^(\/|\.\/|\.\.\/)/.test(text)) return true;
  return process.platform === 'win32' && /^(\\|\.\\|\.\.\\|[A-Za-z]:[\\/])/.test(text);
}
