import { expect, it } from 'vitest';
import { editDistance } from './edit-distance.ts';

it('counts what it takes to turn one word into the other', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('same', 'same')).toBe(0);
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('abc', '')).toBe(3);
});
