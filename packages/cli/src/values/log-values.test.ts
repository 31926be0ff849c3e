import { CustomError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { parseLogSources } from './log-sources.ts';
import { parseLogTime } from './log-time.ts';

describe('log times', () => {
  const now = new Date('2024-01-02T00:00:00Z');

  it.each([
    ['90s', '2024-01-01T23:58:30.000Z'],
    ['1d', '2024-01-01T00:00:00.000Z'],
    ['2024-01-01T01:00:00+01:00', '2024-01-01T00:00:00.000Z'],
    ['2024-01-01t00:00:00.5z', '2024-01-01T00:00:00.500Z'],
  ])('reads %s', (text, expected) => {
    expect(parseLogTime(text, now).toISOString()).toBe(expected);
  });

  it.each(['', '5', 'm', '2024-01-01', '2024-13-01T00:00:00Z', '5w'])('refuses %j', (text) => {
    expect(() => parseLogTime(text, now)).toThrow(
      new CustomError(`could not parse time "${text}" (expected RFC 3339 or \`5m\` etc.)`),
    );
  });
});

describe('log sources', () => {
  it('takes repeats and commas', () => {
    expect(parseLogSources(['stdout,system', 'all'])).toEqual(['stdout', 'system', 'all']);
    expect(parseLogSources()).toEqual([]);
    expect(() => parseLogSources(['stdin'])).toThrow('unknown log source "stdin"');
  });
});
