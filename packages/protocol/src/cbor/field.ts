import type { Codec } from './codec.ts';

/** How a field of a {@link struct} is written and what stands for it when it is missing. */
export interface Field<In, Out> {
  readonly codec: Codec<unknown, unknown>;
  /** Missing, null and undefined read as this; without it the field is required. */
  readonly absent?: { readonly value: unknown };
  /** What is written for an absent value: null, a default, or nothing at all. */
  readonly write: 'always' | 'null' | 'omit';
  /** Only there to carry the types. */
  readonly types?: readonly [In, Out];
}

/** A field that must be there. */
export function required<In, Out>(codec: Codec<In, Out>): Field<In, Out> {
  return { codec: codec as Codec<unknown, unknown>, write: 'always' };
}

/** A field that is written as null when there is no value. */
export function nullable<In, Out>(codec: Codec<In, Out>): Field<In | null | undefined, Out | null> {
  return { codec: codec as Codec<unknown, unknown>, absent: { value: null }, write: 'null' };
}

/** A field that is always written and may be missing when read. */
export function withDefault<In, Out>(codec: Codec<In, Out>, value: Out & In): Field<In | undefined, Out> {
  return { codec: codec as Codec<unknown, unknown>, absent: { value }, write: 'always' };
}

/** A field that is left out when there is no value or the value is empty, and then reads as `absent`. */
export function omitted<In, Out, Absent extends Out | undefined | null>(
  codec: Codec<In, Out>,
  absent: Absent,
): Field<In | null | undefined, Out | Absent> {
  return { codec: codec as Codec<unknown, unknown>, absent: { value: absent }, write: 'omit' };
}
