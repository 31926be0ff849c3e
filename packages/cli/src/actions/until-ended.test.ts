import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { untilEnded } from './until-ended.ts';

/** Gives numbers from 1 to `last`, then null, or nothing more. */
function counting(last: number, then: 'null' | 'silence') {
  let count = 0;
  return async (): Promise<{ readonly count: number } | null> => {
    count += 1;
    if (count <= last) return { count };
    return then === 'null' ? null : await new Promise(() => {});
  };
}

async function collect(values: AsyncIterable<{ readonly count: number }>): Promise<number[]> {
  const seen: number[] = [];
  for await (const { count } of values) seen.push(count);
  return seen;
}

const never = new Promise<void>(() => {});

it('gives everything up to null', async () => {
  expect(await collect(untilEnded(counting(3, 'null'), never))).toEqual([1, 2, 3]);
});

it('stops waiting when the end comes', async () => {
  expect(await collect(untilEnded(counting(2, 'silence'), turn()))).toEqual([1, 2]);
});

it('fails with what the end fails with', async () => {
  const failure = turn().then(() => Promise.reject(new Error('gone')));
  await expect(collect(untilEnded(counting(2, 'silence'), failure))).rejects.toThrow('gone');
});

it('does not keep what it gave', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const given: WeakRef<object>[] = [];
  const next = counting(100, 'null');
  for await (const value of untilEnded(next, never)) given.push(new WeakRef(value));
  await turn();
  collectGarbage();
  expect(given.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(5);
});
