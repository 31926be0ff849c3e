import { InvalidConfigError } from '@microsandbox/types';

/** Runs a parser and puts the option's name in front of its error: `--replace-with-timeout: …`. */
export function prefixed<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidConfigError(`${option}: ${(error as Error).message}`, { cause: error });
  }
}
