import { InvalidConfigError, RLIMIT_RESOURCES, type RlimitResource } from '@microsandbox/types';
import { parseUnsigned } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

export interface RlimitEntry {
  readonly resource: RlimitResource;
  readonly soft: number;
  readonly hard: number;
}

/**
 * `--rlimit RESOURCE=SOFT[:HARD]`; the hard limit is the soft one when it is not given.
 *
 * @throws InvalidConfigError
 */
export function parseRlimit(text: string): RlimitEntry {
  const entry = splitAtFirst(text, '=');
  if (entry === null) throw new InvalidConfigError('rlimit must be in format RESOURCE=LIMIT');
  const [softText = '', hardText, ...more] = entry[1].split(':');
  if (more.length > 0) throw new InvalidConfigError("too many ':' separators");
  const soft = limit(softText, 'soft');
  const hard = hardText === undefined ? soft : limit(hardText, 'hard');
  if (soft > hard) throw new InvalidConfigError('soft limit cannot exceed hard limit');
  const resource = RLIMIT_RESOURCES.find((name) => name === entry[0].toLowerCase());
  if (resource === undefined) {
    throw new InvalidConfigError(`unknown rlimit resource: ${entry[0]}`, {
      hint: `expected one of ${RLIMIT_RESOURCES.join(', ')}`,
    });
  }
  return { resource, soft, hard };
}

function limit(text: string, which: 'soft' | 'hard'): number {
  const value = parseUnsigned(text, Number.MAX_SAFE_INTEGER);
  if (typeof value === 'string') throw new InvalidConfigError(`invalid ${which} limit: ${value}`);
  return value;
}
