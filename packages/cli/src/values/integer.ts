import { parseUnsigned } from '@microsandbox/utils';

/**
 * Reads an unsigned integer up to `max`, with the texts of the reference command's parser.
 *
 * @throws Error
 */
export function integerUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = parseUnsigned(text, Number.MAX_SAFE_INTEGER);
    if (typeof value === 'string') throw new Error(value);
    if (value > max) throw new Error(`${value} is not in 0..=${max}`);
    return value;
  };
}
