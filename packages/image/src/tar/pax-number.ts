import { ImageError } from '@microsandbox/types';

/** A decimal number of a PAX record, or `fallback` when there is none. */
export function paxNumber(records: ReadonlyMap<string, Buffer>, key: string, fallback: number): number {
  const value = records.get(key);
  if (value === undefined) return fallback;
  const text = value.toString('latin1', 0, 20);
  const number = /^[0-9]{1,19}$/.test(text) && value.length < 20 ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new ImageError(`failed to parse pax ${key}`);
  return number;
}
