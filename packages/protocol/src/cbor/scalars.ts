import { ProtocolError } from '@microsandbox/types';
import { type Codec, shapeError } from './codec.ts';

/** A text string. */
export const text: Codec<string> = {
  encode: (value) => value,
  decode: (value) => {
    if (typeof value !== 'string') throw shapeError('text', value);
    return value;
  },
};

/** A boolean. */
export const bool: Codec<boolean> = {
  encode: (value) => value,
  decode: (value) => {
    if (typeof value !== 'boolean') throw shapeError('a boolean', value);
    return value;
  },
};

/** A byte string; a reader also takes an array of integers. */
export const bytes: Codec<Uint8Array, Buffer> = {
  encode: (value) => value,
  decode: (value) => {
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (Array.isArray(value)) return Buffer.from(value.map((item) => u8.decode(item)));
    throw shapeError('bytes', value);
  },
};

/** An integer of `bits` ≤ 32, as a number. */
function smallInteger(name: string, minimum: number, maximum: number): Codec<number> {
  const check = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum;
  return {
    encode: (value) => {
      if (!check(value)) throw new ProtocolError(`cbor encode error: ${value} is no ${name}`);
      // -0 would leave as a float.
      return value + 0;
    },
    decode: (value) => {
      if (!check(value)) throw shapeError(name, value);
      return value;
    },
  };
}

export const u8 = smallInteger('u8', 0, 0xff);
export const u16 = smallInteger('u16', 0, 0xffff);
export const u32 = smallInteger('u32', 0, 0xffff_ffff);
export const i32 = smallInteger('i32', -0x8000_0000, 0x7fff_ffff);

/** A 64-bit integer: a sender gives a `bigint` or a safe integer, a reader always gets a `bigint`. */
function wideInteger(name: string, minimum: bigint, maximum: bigint): Codec<bigint | number, bigint> {
  return {
    encode: (value) => {
      const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
      if (!exact || value < minimum || value > maximum) {
        throw new ProtocolError(`cbor encode error: ${value} is no ${name}`);
      }
      return BigInt(value);
    },
    decode: (value) => {
      const integer = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
      if (!integer || value < minimum || value > maximum) throw shapeError(name, value);
      return BigInt(value);
    },
  };
}

export const u64 = wideInteger('u64', 0n, (1n << 64n) - 1n);
export const i64 = wideInteger('i64', -(1n << 63n), (1n << 63n) - 1n);
