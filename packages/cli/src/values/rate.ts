import { CustomError } from '@microsandbox/types';
import { parseDurationMs, parseUnsigned } from '@microsandbox/utils';
import { splitAtFirst } from './key-value.ts';

/** So much in a time. */
export interface RateSpec {
  readonly amount: number;
  readonly intervalMs: number;
}

const DEFAULT_INTERVAL_MS = 1000;
const UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `SIZE[/DURATION]`: bytes, with `K`, `M` or `G`, each second unless it says otherwise (spec: cli 3.15). */
export function parseBandwidth(text: string): RateSpec {
  return parseRate(text, parseByteCount);
}

/** `COUNT[/DURATION]`. */
export function parseOperations(text: string): RateSpec {
  return parseRate(text, parseCount);
}

function parseRate(text: string, parseAmount: (text: string) => number): RateSpec {
  const [amount, interval] = splitAtFirst(text, '/') ?? [text, undefined];
  return {
    amount: parseAmount(amount),
    intervalMs: interval === undefined ? DEFAULT_INTERVAL_MS : parseDurationMs(interval),
  };
}

/**
 * A number of bytes: an integer, with `K`, `M` or `G` for powers of 1024 (spec: cli 3.2).
 *
 * @throws CustomError
 */
export function parseByteCount(text: string): number {
  const unit = UNITS[text.slice(-1).toLowerCase()];
  const digits = unit === undefined ? text : text.slice(0, -1);
  const value = parseUnsigned(digits, Number.MAX_SAFE_INTEGER);
  if (typeof value === 'string') {
    throw new CustomError(`invalid size \`${text}\` (expected raw bytes or K/M/G suffix): ${value}`);
  }
  const bytes = value * (unit ?? 1);
  if (!Number.isSafeInteger(bytes)) throw new CustomError(`size \`${text}\` overflows u64 bytes`);
  return bytes;
}

/** @throws CustomError */
export function parseCount(text: string): number {
  const value = parseUnsigned(text, Number.MAX_SAFE_INTEGER);
  if (typeof value === 'string') throw new CustomError(value);
  return value;
}
