import { InvalidConfigError } from '@microsandbox/types';

/** Error for a value that the caller gave, with the prefix of its kind. */
export function invalidConfig(message: string): InvalidConfigError {
  return new InvalidConfigError(`invalid config: ${message}`);
}
