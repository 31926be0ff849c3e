/** Values that {@link canonicalJson} writes: objects keep the order of their keys, maps are sorted. */
export type CanonicalValue =
  | string
  | number
  | null
  | readonly CanonicalValue[]
  | ReadonlyMap<string, CanonicalValue>
  | { readonly [key: string]: CanonicalValue };

/**
 * JSON without white space whose bytes depend on the value alone. A map's keys are sorted by their UTF-8 bytes;
 * a JavaScript object could not hold them in that order (`"10"` before `"9"`).
 *
 * @example canonicalJson({ b: 1, a: new Map([['9', 'x'], ['10', 'y']]) }) // {"b":1,"a":{"10":"y","9":"x"}}
 */
export function canonicalJson(value: CanonicalValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = value instanceof Map ? [...value].sort(byKeyBytes) : Object.entries(value);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}

/** `Array.isArray` does not narrow read-only arrays. */
function isList(value: object): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}

function byKeyBytes([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
