import { CustomError } from '@microsandbox/types';

/** Samples do not come faster than this, in milliseconds. */
const SHORTEST_MS = 100;
/** What a timer can hold. */
const LONGEST_MS = 2_147_483_647;

/**
 * `--interval` of `msb metrics`, in milliseconds: `500ms`, `2s`, `1m`; without a unit, seconds, which may have a
 * fraction (spec: cli 3.3). Anything shorter than 100 ms counts as 100 ms.
 *
 * @throws CustomError
 */
export function parseMetricsInterval(text: string): number {
  const match = /^(\d+)(ms|m)$|^(\d+(?:\.\d*)?|\.\d+)s?$/.exec(text.trim());
  const [, whole, unit, seconds] = match ?? [];
  const ms = whole === undefined ? Number(seconds) * 1000 : Number(whole) * (unit === 'm' ? 60_000 : 1);
  if (!(ms > 0 && ms <= LONGEST_MS)) {
    throw new CustomError(`invalid --interval "${text}" (expected e.g. 500ms, 2s)`);
  }
  return Math.max(SHORTEST_MS, Math.trunc(ms));
}
