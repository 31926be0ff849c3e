import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { legacyDescriptor } from '../../test/legacy-snapshot.ts';
import { parseLegacyDescriptor } from './legacy-descriptor.ts';
import { SnapshotMigrationError } from './snapshot-migration-error.ts';

const parse = (text: string) => parseLegacyDescriptor(Buffer.from(text));
const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const upper = (values: object) =>
  legacyDescriptor({ upper: { ...parse(legacyDescriptor()).upper, ...values } });

describe('parseLegacyDescriptor', () => {
  it('names a descriptor by its canonical form', () => {
    const text = legacyDescriptor({ labels: { a: 'x' } });
    expect(parse(text).digest).toBe(sha256(text));
    expect(parse(JSON.stringify(JSON.parse(text), null, 2)).digest).toBe(sha256(text));
  });

  it.each([
    ['2026-07-01T10:00:00Z', '2026-07-01T10:00:00Z', '2026-07-01 10:00:00'],
    ['2026-07-01T10:00:00.500+00:00', '2026-07-01T10:00:00.5Z', '2026-07-01 10:00:00.500'],
    [
      '2026-07-01T00:30:00.123456789+01:00',
      '2026-06-30T23:30:00.123456789Z',
      '2026-06-30 23:30:00.123456789',
    ],
    ['2026-12-31T23:00:00.0000-02:30', '2027-01-01T01:30:00Z', '2027-01-01 01:30:00'],
  ])('reads the time %s', (created_at, descriptor, stored) => {
    expect(parse(legacyDescriptor({ created_at })).createdAt).toEqual({ descriptor, stored });
  });

  it.each<[code: string, text: string]>([
    ['unsupported_legacy_schema', legacyDescriptor({ schema: 2 })],
    ['unsupported_legacy_layout', legacyDescriptor({ format: 'qcow2' })],
    ['legacy_descriptor_malformed', upper({ integrity: { algorithm: 'md5', digest: 'x' } })],
    ['legacy_descriptor_malformed', ''],
    ['legacy_descriptor_malformed', '[]'],
    ['legacy_descriptor_malformed', `\uFEFF${legacyDescriptor()}`],
    ['legacy_descriptor_malformed', legacyDescriptor({ more: 1 })],
    ['legacy_descriptor_malformed', legacyDescriptor({ parent: undefined })],
    ['legacy_descriptor_malformed', legacyDescriptor({ parent: 'sha256:12' })],
    ['legacy_descriptor_malformed', legacyDescriptor({ created_at: '2026-02-30T10:00:00Z' })],
    ['legacy_descriptor_malformed', legacyDescriptor({ created_at: '0000-01-01T00:00:00+01:00' })],
    ['legacy_descriptor_malformed', legacyDescriptor({ labels: { a: 1 } })],
    ['legacy_descriptor_malformed', legacyDescriptor({ labels: { a: '\ud800' } })],
    ['legacy_descriptor_malformed', legacyDescriptor().replace('"labels":{}', '"labels":{"a":"1","a":"2"}')],
    ['legacy_descriptor_malformed', legacyDescriptor().replace('{', '{"parent" :null,')],
    ['legacy_descriptor_malformed', upper({ size_bytes: -1 })],
    ['legacy_descriptor_malformed', upper({ size_bytes: 2 ** 53 })],
    ...['', '.', '..', 'a/b', '/a', 'a\0', 'snapshot.json', 'manifest.json', '.snapshot-migration.lock'].map(
      (file): [string, string] => ['legacy_descriptor_malformed', upper({ file })],
    ),
  ])('refuses with %s: %s', (code, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code, phase: 'discovered' }));
  });

  it('only ever throws its own error on damaged input', () => {
    const sound = Buffer.from(legacyDescriptor({ labels: { 'a:"': '\\"b":' } }));
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    let refused = 0;
    for (let round = 0; round < 3000; round += 1) {
      const damaged = Buffer.from(sound);
      damaged[random(damaged.length)] = random(256);
      try {
        parseLegacyDescriptor(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotMigrationError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
