import type { SeededRandom } from '@microsandbox/test-utils';
import { fuzz } from '@microsandbox/test-utils/fuzz';
import { ImageError } from '@microsandbox/types';
import { expect } from 'vitest';
import type { LayerLimits } from '../src/tar/layer-limits.ts';
import { dumpTar } from './read-tar.ts';
import {
  gnuLong,
  paxEntry,
  paxRecord,
  type TarEntry,
  tarArchive,
  tarEntry,
  writeChecksum,
} from './tar-builder.ts';

/** Small enough that a fuzzed archive reaches every one of them. */
const LIMITS: Partial<LayerLimits> = {
  totalFileBytes: 200_000,
  fileBytes: 150_000,
  entries: 60,
  pathComponents: 8,
  extensionBytes: 4096,
  metadataBytes: 20_000,
  memoryBytes: 4000,
};

const TYPES = ['0', '\0', '7', '1', '2', '3', '4', '5', '6', '`', 'g', 'S', 'Z', 'x', 'L', 'K', '\xff'];
const NAMES = [
  'a',
  'a/b',
  'b',
  'b/',
  'c/d/e',
  '.',
  '..',
  '../a',
  '/',
  '',
  '.wh.a',
  '.wh..wh..opq',
  'b/.wh..',
  '.wh.',
];

const outcomes = { trees: 0, errors: 0 };

fuzz({
  name: 'tar',
  count: 400,
  input: (random) => mutate(random, randomArchive(random)),
  check: async (archive, random) => {
    try {
      await dumpTar(pieces(random, archive), LIMITS);
      outcomes.trees++;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      expect(error.message.length).toBeLessThan(1000);
      outcomes.errors++;
    }
  },
  finish: () => expect(Math.min(outcomes.trees, outcomes.errors)).toBeGreaterThan(5),
});

function randomArchive(random: SeededRandom): Buffer {
  const parts: (TarEntry | Buffer)[] = [];
  for (let count = random.below(12); count > 0; count--) {
    if (random.chance(0.2)) parts.push(randomExtension(random));
    parts.push(randomEntry(random));
  }
  return tarArchive(...parts);
}

function randomEntry(random: SeededRandom): TarEntry {
  const type = random.chance(0.6) ? '0' : random.pick(TYPES);
  const body = random.chance(0.5) ? random.bytes(random.below(random.pick([10, 600, 70_000]))) : '';
  return {
    name: randomName(random),
    type,
    body,
    linkName: randomName(random),
    ...(random.chance(0.05) && { size: random.pick([1, 511, 2 ** 33, 2n ** 62n, -1n]) }),
    magic: random.pick(['ustar', 'gnu', 'none'] as const),
    major: random.below(5000),
  };
}

function randomExtension(random: SeededRandom): Buffer {
  if (random.chance(0.3)) return gnuLong(random.pick(['L', 'K'] as const), randomName(random));
  const key = random.pick([
    'path',
    'linkpath',
    'size',
    'uid',
    'gid',
    'mtime',
    'SCHILY.xattr.user.a',
    'GNU.sparse.major',
    'GNU.sparse.map',
    'GNU.sparse.size',
    '',
    'a=b',
  ]);
  const value = random.pick([randomName(random), `${random.below(1000)}`, '0,5', '-1', '9'.repeat(30), '']);
  if (random.chance(0.1)) return paxEntry({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': value });
  if (random.chance(0.7)) return paxEntry({ 'GNU.sparse.size': '700', [key]: value });
  const body = Buffer.from(paxRecord(key, value), 'latin1');
  body[random.below(body.length)] = random.below(256);
  return tarEntry({ name: 'pax', type: 'x', body });
}

function randomName(random: SeededRandom): string {
  if (random.chance(0.8)) return random.pick(NAMES);
  return random.bytes(random.below(random.pick([5, 90]))).toString('latin1');
}

/** Changes some bytes, sometimes so that the header's checksum holds again; cuts, repeats. */
function mutate(random: SeededRandom, archive: Buffer): Buffer {
  const bytes = Buffer.from(archive);
  for (let count = random.below(random.pick([1, 4])); count > 0; count--) {
    const record = random.below(bytes.length / 512) * 512;
    bytes[record + random.below(512)] = random.below(256);
    if (random.chance(0.7)) writeChecksum(bytes.subarray(record, record + 512));
  }
  if (random.chance(0.1)) return bytes.subarray(0, random.below(bytes.length));
  return random.chance(0.1) ? Buffer.concat([bytes.subarray(0, -1024), bytes]) : bytes;
}

function pieces(random: SeededRandom, bytes: Buffer): Buffer[] {
  const result: Buffer[] = [];
  const limit = random.pick([100, 5000, 1_000_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(limit);
    result.push(bytes.subarray(at, end));
    at = end;
  }
  return result;
}
