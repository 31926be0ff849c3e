import { stat } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';

type CopyOption = '--copy' | '--copy-file' | '--copy-dir';

/** What `--copy` and its like bring into the guest. */
export interface CopySpec {
  readonly kind: 'copyFile' | 'copyDir';
  readonly source: string;
  readonly target: string;
}

/**
 * `SRC:DST`, parted at the first colon before a slash; the host's path is looked at (spec: cli 3.18).
 *
 * @throws InvalidConfigError
 */
export async function parseCopy(option: CopyOption, text: string): Promise<CopySpec> {
  const at = text.indexOf(':/');
  if (at === -1) throw new InvalidConfigError(`${option} must be in format source:/guest`);
  const [source, target] = [text.slice(0, at), text.slice(at + 1)];
  if (source === '') throw new InvalidConfigError(`${option} source path cannot be empty`);
  const stats = await stat(source).catch((cause: Error) => {
    throw new InvalidConfigError(`${option}: stat ${source}: ${cause.message}`, { cause });
  });
  if (option === '--copy-file' && !stats.isFile()) {
    throw new InvalidConfigError(`--copy-file: ${source} is not a file`);
  }
  if (option === '--copy-dir' && !stats.isDirectory()) {
    throw new InvalidConfigError(`--copy-dir: ${source} is not a directory`);
  }
  if (!stats.isFile() && !stats.isDirectory()) {
    throw new InvalidConfigError(`--copy: ${source} is not a regular file or directory`);
  }
  return { kind: stats.isFile() ? 'copyFile' : 'copyDir', source, target: guestPath(option, target) };
}

/**
 * The path of `--mkdir` and `--rm`.
 *
 * @throws InvalidConfigError
 */
export function guestPath(option: string, path: string): string {
  if (!path.startsWith('/')) throw new InvalidConfigError(`${option}: guest path must be absolute: ${path}`);
  if (path.includes('\0')) throw new InvalidConfigError(`${option}: guest path contains a null byte`);
  return path;
}
