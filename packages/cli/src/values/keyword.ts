import { InvalidConfigError } from '@microsandbox/types';

/**
 * One of a few words. `subject` stands in the error: `invalid pull policy: X (expected: always, if-missing, never)`.
 *
 * @throws InvalidConfigError
 */
export function parseKeyword<const T extends string>(subject: string, words: readonly T[], text: string): T {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new InvalidConfigError(`invalid ${subject}: ${text} (expected: ${words.join(', ')})`);
}

/** When `run` and `create` pull (spec: cli 3.20). */
export const PULL_POLICIES = ['always', 'if-missing', 'never'] as const;
