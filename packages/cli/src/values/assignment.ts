import { CustomError } from '@microsandbox/types';
import { type KeyValue, splitAtFirst } from './key-value.ts';

/**
 * `KEY=VALUE` of an option that does not look anything up on the host, such as `msb modify --env` (spec: cli 3.4).
 *
 * @throws CustomError
 */
export function parseAssignment(option: string, text: string): KeyValue {
  const entry = splitAtFirst(text, '=');
  if (entry === null) throw new CustomError(`${option} must be KEY=VALUE`);
  if (entry[0] === '') throw new CustomError(`${option} key must not be empty`);
  return entry;
}
