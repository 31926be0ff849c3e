import { patchFailed } from './patch-failed.ts';

/** Linux: PATH_MAX. */
const MAX_TARGET_BYTES = 4095;

/**
 * Target of a symbolic link as bytes (latin1 string).
 *
 * @throws {PatchFailedError} for one that cannot be.
 */
export function linkTarget(text: string): string {
  const target = Buffer.from(text, 'utf8').toString('latin1');
  if (target === '' || target.includes('\0') || target.length > MAX_TARGET_BYTES) {
    throw patchFailed(`invalid symlink target: '${text.slice(0, 200)}'`, {
      hint: `a target has 1 to ${MAX_TARGET_BYTES} bytes and no null byte`,
    });
  }
  return target;
}
