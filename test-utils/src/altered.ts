import type { SeededRandom } from './seeded-random.ts';

const VALUES: readonly unknown[] = [null, true, -1, 0, 1, 1.5, 300, 2 ** 60, '', 'a', [], [1], ['a'], {}];

/** A copy of what JSON can hold in which one value, at any depth, is another or gone. */
export function altered(value: unknown, random: SeededRandom): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.2)) return random.pick(VALUES);
  const keys = Object.keys(value);
  if (keys.length === 0) return random.pick(VALUES);
  const key = random.pick(keys);
  if (random.chance(0.1)) return without(value, key);
  const changed = altered((value as Readonly<Record<string, unknown>>)[key], random);
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
}

function without(value: object, key: string): unknown {
  if (Array.isArray(value)) return value.toSpliced(Number(key), 1);
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}
