import { ProtocolError } from '@microsandbox/types';
import { type Codec, type InputOf, type OutputOf, shapeError } from './codec.ts';

type Variants = Readonly<Record<string, Codec<never, unknown>>>;
type TaggedIn<V extends Variants> = {
  [K in keyof V & string]: { readonly kind: K } & InputOf<V[K]>;
}[keyof V & string];
type TaggedOut<V extends Variants> = {
  [K in keyof V & string]: { readonly kind: K } & OutputOf<V[K]>;
}[keyof V & string];

/**
 * An enum with data as serde's external tagging writes it: a map of one entry, variant name to payload map. Here it
 * is one flat object with `kind`.
 */
export function externallyTagged<V extends Variants>(variants: V): Codec<TaggedIn<V>, TaggedOut<V>> {
  return {
    encode: (value) => ({ [value.kind]: codecOf(variants, value.kind).encode(value) }),
    decode: (value) => {
      if (!(value instanceof Map) || value.size !== 1) throw shapeError('a map of one entry', value);
      const [[kind, content]] = [...value] as [[unknown, unknown]];
      return { kind, ...(codecOf(variants, kind).decode(content) as object) } as TaggedOut<V>;
    },
  };
}

/** An enum with data as serde's internal tagging writes it: the payload map with `kind` as its first entry. */
export function internallyTagged<V extends Variants>(variants: V): Codec<TaggedIn<V>, TaggedOut<V>> {
  return {
    encode: (value) => ({ kind: value.kind, ...(codecOf(variants, value.kind).encode(value) as object) }),
    decode: (value) => {
      if (!(value instanceof Map)) throw shapeError('a map', value);
      const kind: unknown = value.get('kind');
      return { kind, ...(codecOf(variants, kind).decode(value) as object) } as TaggedOut<V>;
    },
  };
}

function codecOf(variants: Variants, kind: unknown): Codec<unknown, unknown> {
  const codec = typeof kind === 'string' && Object.hasOwn(variants, kind) ? variants[kind] : undefined;
  if (codec === undefined)
    throw new ProtocolError(`cbor decode error: unknown variant ${JSON.stringify(kind)}`);
  return codec as Codec<unknown, unknown>;
}
