import { InvalidConfigError } from '@microsandbox/types';
import { parseUnsigned } from './parse-integer.ts';

const SECOND_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/**
 * Reads `--timeout` and its like, in seconds: an integer with `s`, `m` or `h`; without a unit, seconds
 * (spec: cli 3.3).
 *
 * @throws InvalidConfigError with the bare text of the integer problem
 */
export function parseDurationSecs(text: string): number {
  const trimmed = text.trim();
  const unit = SECOND_UNITS[trimmed.slice(-1)];
  return integer(unit === undefined ? trimmed : trimmed.slice(0, -1)) * (unit ?? 1);
}

/**
 * Reads a duration in milliseconds: an integer with `ms`, `s`, `m` or `h`; without a unit, seconds
 * (spec: cli 3.3).
 *
 * @throws InvalidConfigError
 */
export function parseDurationMs(text: string): number {
  const trimmed = text.trim();
  if (trimmed.endsWith('ms')) return integer(trimmed.slice(0, -2));
  return parseDurationSecs(trimmed) * 1000;
}

/** Duration for people (spec: cli 14.3): `12.3s` below a minute, else `2m5s`; minutes never become hours. */
export function formatDuration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Duration as it stands in messages of the reference implementation: `250ms`, `5s`, `1.5s`. */
export function formatExactDuration(ms: number): string {
  if (ms === 0) return '0ns';
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}

function integer(digits: string): number {
  const value = parseUnsigned(digits, Number.MAX_SAFE_INTEGER);
  if (typeof value === 'string') throw new InvalidConfigError(value);
  return value;
}
