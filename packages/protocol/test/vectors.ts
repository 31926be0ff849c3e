import { readFileSync } from 'node:fs';

/** One frame of `vectors/protocol.json`. */
export interface FrameVector {
  readonly name: string;
  readonly id: number;
  readonly flags: number;
  readonly version: number;
  readonly type: string;
  /** Wire names; bytes as `{ $bytes: hex }`, u64 as `{ $u64: decimal }`. */
  readonly payload: unknown;
  readonly frameHex: string;
}

interface Vectors {
  readonly frames: readonly FrameVector[];
  readonly fragments: readonly { readonly name: string; readonly value: unknown; readonly cborHex: string }[];
}

export const vectors = JSON.parse(
  readFileSync(new URL('../vectors/protocol.json', import.meta.url), 'utf8'),
) as Vectors;

/** The JSON form of decoded CBOR, with every integer as decimal text, to hold against a vector's payload. */
export function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') };
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (value instanceof Map) return comparable(Object.fromEntries(value));
  if (typeof value !== 'object' || value === null) return value;
  if ('$u64' in value) return String(value.$u64);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
}
