import { SeededRandom } from '@microsandbox/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { nativeWay } from './layer-builds.ts';
import { dumpTar } from './read-tar.ts';
import { gnuLong, paxEntry, tarArchive } from './tar-builder.ts';

/** A bit of everything that has a state between records. */
const archive = tarArchive(
  { name: './', type: '5', mode: 0o755 },
  { name: 'etc/hostname', body: 'box\n' },
  paxEntry({ path: `${'p'.repeat(120)}/x`, 'SCHILY.xattr.user.a': 'b' }),
  { name: 'short', body: 'y'.repeat(512) },
  gnuLong('L', 'l'.repeat(200)),
  gnuLong('K', 'k'.repeat(200)),
  { name: 'short', type: '2', magic: 'gnu' },
  { name: 'skipped', type: 'Z', body: 'z'.repeat(700) },
  { name: 'etc/again', type: '1', linkName: 'etc/hostname' },
  { name: 'etc/.wh.gone', body: 'q' },
  { name: 'dev/null', type: '3', major: 1, minor: 3 },
  { name: 'last', body: '1'.repeat(513) },
);

/** The native way has threads and files to make, so it is not asked everywhere. */
const nativeAt = (offset: number) => (offset % 13 === 0 ? nativeWay : null);

describe('a tar stream cut into pieces', () => {
  let whole: string[];
  beforeAll(async () => {
    whole = await dumpTar([archive]);
  });

  it('gives the same tree wherever it is cut in two', async () => {
    expect(whole.length).toBeGreaterThan(9);
    for (let cut = 0; cut <= archive.length; cut++) {
      const pieces = [archive.subarray(0, cut), archive.subarray(cut)];
      expect(await dumpTar(pieces, {}, nativeAt(cut)), `cut at ${cut}`).toEqual(whole);
    }
  });

  it('gives the same tree byte by byte', async () => {
    expect(await dumpTar(Array.from(archive, (byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it('gives the same tree in random pieces', async () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 200; round++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < archive.length; ) {
        const end = at + random.below(random.pick([2, 600, 5000]));
        pieces.push(archive.subarray(at, end));
        at = end;
      }
      expect(await dumpTar(pieces), `round ${round}`).toEqual(whole);
    }
  });
});

describe('a tar stream cut off', () => {
  it('ends in an error or in the members that are whole, at every length', async () => {
    for (let length = 0; length < archive.length; length++) {
      const outcome = await dumpTar([archive.subarray(0, length)], {}, nativeAt(length)).catch(
        (error: Error) => error,
      );
      if (outcome instanceof Error) expect(outcome).toMatchObject({ name: 'ImageError', code: 'image' });
    }
  });
});
