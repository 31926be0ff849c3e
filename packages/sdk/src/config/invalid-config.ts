import { InvalidConfigError } from '@microsandbox/types';

/** Error for a value that the caller gave, with the prefix of its kind; `hint` says the way out. */
export function invalidConfig(message: string, hint?: string): InvalidConfigError {
  return new InvalidConfigError(`invalid config: ${message}`, { ...(hint !== undefined && { hint }) });
}
