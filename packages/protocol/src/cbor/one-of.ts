import { type Codec, shapeError } from './codec.ts';

/** A fieldless enum: one of these texts. */
export function oneOf<const T extends string>(...values: readonly T[]): Codec<T> {
  const known = new Set<unknown>(values);
  return {
    encode: (value) => value,
    decode: (value) => {
      if (!known.has(value)) throw shapeError(`one of ${values.join(', ')}`, value);
      return value as T;
    },
  };
}
