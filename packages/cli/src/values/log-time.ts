import { CustomError } from '@microsandbox/types';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * `--since` and `--until`: RFC 3339, or an age such as `5m` (spec: cli 3.3).
 *
 * @throws CustomError
 */
export function parseLogTime(text: string, now: Date = new Date()): Date {
  const age = /^(\d+)([smhd])$/.exec(text);
  if (age !== null) return new Date(now.getTime() - Number(age[1]) * (UNIT_MS[age[2] ?? ''] ?? 0));
  const time = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text)
    ? new Date(text.replace(' ', 'T'))
    : new Date(Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new CustomError(`could not parse time "${text}" (expected RFC 3339 or \`5m\` etc.)`);
  }
  return time;
}
