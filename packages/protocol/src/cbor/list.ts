import { type Codec, shapeError } from './codec.ts';

/** An array whose items are all of one kind. */
export function list<In, Out>(item: Codec<In, Out>): Codec<readonly In[], Out[]> {
  return {
    encode: (values) => values.map((value) => item.encode(value)),
    decode: (value) => {
      if (!Array.isArray(value)) throw shapeError('an array', value);
      return value.map((element) => item.decode(element));
    },
  };
}
