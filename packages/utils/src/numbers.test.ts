import { describe, expect, it } from 'vitest';
import { formatDuration, formatExactDuration, parseDurationMs, parseDurationSecs } from './duration.ts';
import { formatBytes, parseSizeMib } from './size.ts';
import { parseUtcTimestamp, utcTimestamp } from './utc-timestamp.ts';

describe('parseSizeMib', () => {
  it.each([
    ['512', 512],
    [' 512M ', 512],
    ['8m', 8],
    ['1.5G', 1536],
    ['0.0001g', 0],
    ['1e1G', 10240],
    ['.5G', 512],
  ])('reads %j as %d MiB', (text, mib) => {
    expect(parseSizeMib(text)).toBe(mib);
  });

  it.each([
    ['', 'invalid size (expected e.g. 512M, 1G): cannot parse integer from empty string'],
    ['12K', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
    ['1.5', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
    ['1.5M', 'invalid size: invalid digit found in string'],
    ['M', 'invalid size: cannot parse integer from empty string'],
    ['xG', 'invalid size: invalid float literal'],
    ['G', 'invalid size: cannot parse float from empty string'],
    ['-1G', 'size must be a finite positive number'],
    ['0G', 'size must be a finite positive number'],
    ['1e300G', 'size too large'],
    ['99999999999', 'invalid size (expected e.g. 512M, 1G): number too large to fit in target type'],
  ])('refuses %j', (text, message) => {
    expect(() => parseSizeMib(text)).toThrow(message);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [5 * 1024 ** 2, '5.0 MiB'],
    [3 * 1024 ** 4, '3.0 TiB'],
    [5000 * 1024 ** 4, '5000.0 TiB'],
  ])('shows %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('durations', () => {
  it('reads seconds, minutes, hours', () => {
    expect([parseDurationSecs('90'), parseDurationSecs('5m'), parseDurationSecs('2h')]).toEqual([
      90, 300, 7200,
    ]);
    expect(() => parseDurationSecs('5d')).toThrow('invalid digit found in string');
    expect(() => parseDurationSecs('1.5s')).toThrow('invalid digit found in string');
  });

  it('reads milliseconds too where they are allowed', () => {
    expect([parseDurationMs('250ms'), parseDurationMs('3'), parseDurationMs('1m')]).toEqual([
      250, 3000, 60_000,
    ]);
    expect(() => parseDurationMs('')).toThrow('cannot parse integer from empty string');
  });

  it('shows them for people and in messages', () => {
    expect(formatDuration(12_340)).toBe('12.3s');
    expect(formatDuration(125_999)).toBe('2m5s');
    expect(formatDuration(3_600_000)).toBe('60m0s');
    expect([formatExactDuration(250), formatExactDuration(5000), formatExactDuration(1500)]).toEqual([
      '250ms',
      '5s',
      '1.5s',
    ]);
  });
});

describe('timestamps', () => {
  it('always have nine digits and grow within a millisecond', () => {
    const stamps = Array.from({ length: 200 }, () => utcTimestamp());
    for (const stamp of stamps) expect(stamp).toMatch(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{9}$/);
    expect([...stamps].sort()).toEqual(stamps);
    expect(new Set(stamps).size).toBe(stamps.length);
  });

  it.each([
    ['2026-11-22 03:29:14.267216118', '2026-11-22T03:29:14.267Z'],
    ['2026-11-22T03:29:14', '2026-11-22T03:29:14.000Z'],
    ['2026-11-22 03:29:14.5', '2026-11-22T03:29:14.500Z'],
  ])('reads %s', (text, iso) => {
    expect(parseUtcTimestamp(text)?.toISOString()).toBe(iso);
  });

  it('reads what it wrote, and nothing from rubbish', () => {
    const time = new Date('2026-01-02T03:04:05.678Z');
    expect(parseUtcTimestamp(utcTimestamp(time))).toEqual(time);
    expect(parseUtcTimestamp('yesterday')).toBeNull();
    expect(parseUtcTimestamp('2026-13-45 99:99:99')).toBeNull();
    expect(parseUtcTimestamp(null)).toBeNull();
  });
});
