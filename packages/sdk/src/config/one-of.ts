/**
 * Returns `value` when it is one of `words`.
 *
 * @throws Error with `message`: a wrong word is a mistake in the program, found at the setter
 */
export function oneOf<T extends string>(value: string, words: readonly T[], message: string): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new Error(message);
  return found;
}
