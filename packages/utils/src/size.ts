import { InvalidConfigError } from '@microsandbox/types';
import { MAX_U32, parseUnsigned } from './parse-integer.ts';

const FLOAT_PATTERN = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Reads a size given by a person, in MiB (spec: cli 3.1): `1.5G`, `512M`, `512`.
 *
 * @throws InvalidConfigError with the reference implementation's texts
 */
export function parseSizeMib(text: string): number {
  const trimmed = text.trim();
  const digits = trimmed.slice(0, -1);
  if (/[gG]$/.test(trimmed)) return gibToMib(digits);
  if (/[mM]$/.test(trimmed)) return integerMib(digits, 'invalid size');
  return integerMib(trimmed, 'invalid size (expected e.g. 512M, 1G)');
}

function gibToMib(digits: string): number {
  if (digits === '') throw new InvalidConfigError('invalid size: cannot parse float from empty string');
  if (!FLOAT_PATTERN.test(digits)) throw new InvalidConfigError('invalid size: invalid float literal');
  const mib = Number(digits) * 1024;
  if (!Number.isFinite(mib) || mib <= 0) {
    throw new InvalidConfigError('size must be a finite positive number');
  }
  if (mib > MAX_U32) throw new InvalidConfigError('size too large');
  return Math.trunc(mib);
}

function integerMib(digits: string, prefix: string): number {
  const value = parseUnsigned(digits, MAX_U32);
  if (typeof value === 'string') throw new InvalidConfigError(`${prefix}: ${value}`);
  return value;
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Size for people (spec: cli 14.3): `0 B` to `1023 B`, then one decimal in KiB, MiB, GiB or TiB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}
