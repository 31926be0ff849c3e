import { patchFailed } from './patch-failed.ts';

/** Linux: NAME_MAX and PATH_MAX. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

/** A path in the guest. */
export interface GuestPath {
  /** As the user wrote it. */
  readonly text: string;
  /** Its names from the root on, at least one; bytes as latin1 strings. */
  readonly names: readonly string[];
}

/**
 * Reads a patch's path.
 *
 * @throws {PatchFailedError} when it is not absolute, is the root, has `..` in it, or cannot exist.
 */
export function parseGuestPath(text: string): GuestPath {
  if (!text.startsWith('/')) throw patchFailed(`patch path must be absolute: '${text}'`);
  if (text.includes('\0')) throw patchFailed(`patch path contains null byte: '${text}'`);
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw patchFailed(`patch path escapes rootfs: '${text}'`);
  if (parts.length === 0) throw patchFailed("patch path must not be '/'");
  const names = parts.map((part) => Buffer.from(part, 'utf8').toString('latin1'));
  const isTooLong =
    names.some((name) => name.length > MAX_NAME_BYTES) || names.join('/').length >= MAX_PATH_BYTES;
  if (isTooLong) throw patchFailed(`patch path too long: '${text.slice(0, 200)}…'`);
  return { text, names };
}

/** Names as an absolute path to show. */
export function shownPath(names: readonly string[]): string {
  return `/${Buffer.from(names.join('/'), 'latin1').toString('utf8')}`;
}
