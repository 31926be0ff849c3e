import { CustomError } from '@microsandbox/types';

export const LOG_SOURCES = ['stdout', 'stderr', 'output', 'system', 'all'] as const;
export type LogSourceName = (typeof LOG_SOURCES)[number];

/**
 * `--source`, repeated or separated by commas; none means what programs wrote.
 *
 * @throws CustomError
 */
export function parseLogSources(values: readonly string[] = []): LogSourceName[] {
  return values
    .flatMap((value) => value.split(','))
    .map((text) => {
      const source = LOG_SOURCES.find((name) => name === text.trim());
      if (source !== undefined) return source;
      throw new CustomError(`unknown log source "${text}" (expected: ${LOG_SOURCES.join(', ')})`);
    });
}
