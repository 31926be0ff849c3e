import { posix } from 'node:path';
import { CustomError } from '@microsandbox/types';
import { type ByteName, byteName, nameText } from './byte-name.ts';

/**
 * The last name of a path, to be used below another folder.
 *
 * @throws CustomError when it has none that could be used
 */
export function baseName(path: string): ByteName {
  const name = posix.basename(path);
  if (name === '') throw new CustomError(`cannot infer basename for ${path}`);
  return checkedName(byteName(name));
}

/**
 * A name that stays in its folder. Names of guests and archives are hostile.
 *
 * @throws CustomError
 */
export function checkedName(name: ByteName): ByteName {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new CustomError(`invalid guest path component ${JSON.stringify(nameText(name))}`);
  }
  return name;
}
