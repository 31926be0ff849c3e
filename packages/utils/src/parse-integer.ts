/** Largest 32-bit unsigned integer. */
export const MAX_U32 = 0xffff_ffff;

/** Text of the reference implementation for a number that is not one, or null for a good one. */
export type IntegerProblem =
  | 'cannot parse integer from empty string'
  | 'invalid digit found in string'
  | 'number too large to fit in target type';

/** Reads an unsigned decimal integer up to `max`; returns the problem's text instead of throwing. */
export function parseUnsigned(text: string, max: number): number | IntegerProblem {
  if (text === '') return 'cannot parse integer from empty string';
  if (!/^\+?\d+$/.test(text)) return 'invalid digit found in string';
  const value = Number(text);
  return value > max ? 'number too large to fit in target type' : value;
}
