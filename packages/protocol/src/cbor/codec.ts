import { ProtocolError } from '@microsandbox/types';

/**
 * One description of a wire value, used in both directions. `In` is what a sender may give, `Out` what a reader
 * gets; they differ where a field has a default.
 */
export interface Codec<In, Out = In> {
  /** The value as the CBOR encoder takes it: object, array, `Uint8Array`, number, bigint, text, boolean, null. */
  encode(value: In): unknown;
  /** @throws ProtocolError when the decoded CBOR is not of this shape. */
  decode(value: unknown): Out;
}

/** What a sender gives for a codec. */
export type InputOf<C> = C extends Codec<infer In, infer _Out> ? In : never;

/** What a reader gets from a codec. */
export type OutputOf<C> = C extends Codec<infer _In, infer Out> ? Out : never;

/** The error of a decoder that met something else than it expected. */
export function shapeError(expected: string, value: unknown): ProtocolError {
  return new ProtocolError(`cbor decode error: expected ${expected}, got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number' || typeof value === 'bigint') return `integer ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'an array';
  return value instanceof Map ? 'a map' : 'a float';
}
