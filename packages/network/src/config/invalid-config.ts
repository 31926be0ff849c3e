import { InvalidConfigError } from '@microsandbox/types';

/** What this package says about a configuration that nothing could run with: `invalid config: ...`. */
export function invalidConfig(problem: string): InvalidConfigError {
  return new InvalidConfigError(`invalid config: ${problem}`);
}
