import { ProtocolError } from '@microsandbox/types';
import { type Codec, shapeError } from './codec.ts';
import type { Field } from './field.ts';

type Fields = Readonly<Record<string, Field<unknown, unknown>>>;
type FieldIn<F> = F extends Field<infer In, infer _Out> ? In : never;
type FieldOut<F> = F extends Field<infer _In, infer Out> ? Out : never;

/** Fields that take `undefined` may be left out by the sender. */
type StructIn<F> = {
  readonly [K in keyof F as undefined extends FieldIn<F[K]> ? never : K]: FieldIn<F[K]>;
} & {
  readonly [K in keyof F as undefined extends FieldIn<F[K]> ? K : never]?: FieldIn<F[K]>;
};

/** A field whose absent value is `undefined` stays away from the result. */
type StructOut<F> = {
  readonly [K in keyof F as undefined extends FieldOut<F[K]> ? never : K]: FieldOut<F[K]>;
} & {
  readonly [K in keyof F as undefined extends FieldOut<F[K]> ? K : never]?: Exclude<
    FieldOut<F[K]>,
    undefined
  >;
};

type Flat<T> = { [K in keyof T]: T[K] } & {};

/**
 * A map with text keys. Keys are camelCase here and snake_case on the wire, written in the order given; a reader
 * takes any order and ignores keys it does not know (protocol section 3).
 */
export function struct<F extends Fields>(fields: F): Codec<Flat<StructIn<F>>, Flat<StructOut<F>>> {
  const entries = Object.entries(fields).map(([name, field]) => ({ name, wire: toSnakeCase(name), field }));
  return {
    encode(value) {
      const given = value as Readonly<Record<string, unknown>>;
      const wire: Record<string, unknown> = {};
      for (const { name, wire: key, field } of entries) {
        const item = given[name] ?? (field.write === 'always' ? field.absent?.value : undefined);
        if (item !== undefined && !(field.write === 'omit' && isEmpty(item)))
          wire[key] = field.codec.encode(item);
        else if (field.write === 'null') wire[key] = null;
        else if (field.write === 'always')
          throw new ProtocolError(`cbor encode error: missing field \`${key}\``);
      }
      return wire;
    },
    decode(value) {
      if (!(value instanceof Map)) throw shapeError('a map', value);
      const result: Record<string, unknown> = {};
      for (const { name, wire, field } of entries) {
        const item: unknown = value.get(wire);
        if (item !== undefined && item !== null) result[name] = inField(wire, () => field.codec.decode(item));
        else if (field.absent === undefined) {
          throw new ProtocolError(`cbor decode error: missing field \`${wire}\``);
        } else if (field.absent.value !== undefined) result[name] = field.absent.value;
      }
      return result as Flat<StructOut<F>>;
    },
  };
}

/** `followSymlink` → `follow_symlink`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0);
}

/** Adds the field's name to an error from inside it. */
function inField<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const detail = error.message.replace('cbor decode error: ', '');
    throw new ProtocolError(`cbor decode error: field \`${name}\`: ${detail}`, { cause: error });
  }
}
