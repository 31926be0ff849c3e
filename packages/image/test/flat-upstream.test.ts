import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTestImage,
  findProgram,
  type LocalRegistry,
  mustRun,
  pushImage,
  SeededRandom,
  startLocalRegistry,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheLayout } from '../src/cache/cache-layout.ts';
import { validateExt4Image } from '../src/ext4/stored/validate-ext4-image.ts';
import { createFlatDisk } from '../src/flat/create-flat-disk.ts';
import { findFlat, materializeFlat } from '../src/flat/materialize-flat.ts';
import { pullImage } from '../src/pull/pull-image.ts';
import { expectClean, noE2fsprogs } from './ext4-kernel.ts';
import { paxEntry, type TarEntry, tarArchive } from './tar-builder.ts';
import { upstreamMsb } from './upstream-msb.ts';

const missing =
  upstreamMsb === null || (await findProgram('docker-registry')) === null
    ? "upstream's command or docker-registry is not installed"
    : null;
if (missing !== null) console.error(`SKIPPED: ${missing}`);

describe.skipIf(missing !== null)('flat images', { timeout: 180_000 }, () => {
  let folder: string;
  let registry: LocalRegistry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flat-upstream-'));
    registry = await startLocalRegistry();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('are byte for byte those of microsandbox 0.6.14', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed);
      const layers = Array.from({ length: 1 + random.below(4) }, () => randomLayer(random));
      const reference = await push(`random-${seed}`, layers);
      const [ours, theirs] = [join(folder, `ours-${seed}`), join(folder, `theirs-${seed}`)];
      await pullByUpstream(theirs, reference);
      const { layout, image } = await pull(ours, reference);
      const flat = await materializeFlat({ layout, image });
      const theirLayout = new CacheLayout(join(theirs, 'cache'));
      const theirFlat = await findFlat({ layout: theirLayout, image });
      // Equal digests of the content stand for equal bytes.
      expect(theirFlat?.ref, `seed ${seed}`).toEqual(flat.ref);
      const ref = `flat/refs/${(await readdir(join(ours, 'cache/flat/refs')))[0]}`;
      const texts = [ours, theirs].map((home) => readFile(join(home, 'cache', ref), 'utf8'));
      expect(await texts[0], `seed ${seed}`).toBe(await texts[1]);
      await rm(ours, { recursive: true });
      await rm(theirs, { recursive: true });
    }
  });

  it('of upstream can be checked, cloned and grown', async () => {
    const reference = await push('clone', [randomLayer(new SeededRandom(50))]);
    const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
    const { image } = await pull(ours, reference);
    await pullByUpstream(theirs, reference);
    const flat = await findFlat({ layout: new CacheLayout(join(theirs, 'cache')), image });
    await validateExt4Image(flat?.path ?? '');
    const path = join(folder, 'rootfs.raw');
    await createFlatDisk({ imagePath: flat?.path ?? '', path, sizeMib: 9000 });
    await validateExt4Image(path);
    if (noE2fsprogs === null) await expectClean(path);
  });

  it('of deep trees, which upstream cannot make, can be made', async () => {
    const path = `${'d/'.repeat(120)}file`;
    const layer = tarArchive(paxEntry({ path }), { name: 'file', body: 'deep' });
    const reference = await push('deep', [layer]);
    const { layout, image } = await pull(join(folder, 'deep'), reference);
    const flat = await materializeFlat({ layout, image });
    expect(flat.ref.inode_count).toBe(122);
    if (noE2fsprogs === null) await expectClean(flat.path);
  });

  async function push(repository: string, layers: readonly Buffer[]): Promise<string> {
    const image = buildTestImage({ layers });
    return pushImage({ registry, repository, tag: '1', image });
  }

  async function pull(home: string, reference: string) {
    const cacheDir = join(home, 'cache');
    const { image } = await pullImage({ reference, cacheDir, registry: { insecureHosts: [registry.host] } });
    return { layout: new CacheLayout(cacheDir), image };
  }
});

async function pullByUpstream(home: string, reference: string): Promise<void> {
  await mkdir(home, { recursive: true });
  await mustRun(
    upstreamMsb as string,
    ['pull', '--insecure', '--quiet', '--materialize', 'flat', reference],
    {
      env: { PATH: process.env['PATH'], HOME: home, MSB_HOME: home },
    },
  );
}

/** A layer of all kinds of nodes; names say the kind, so that layers replace like by like. */
function randomLayer(random: SeededRandom): Buffer {
  const entries: TarEntry[] = [];
  const files: string[] = [];
  for (let count = 5 + random.below(60); count > 0; count--) {
    const folder = random.pick(['', 'a/', 'a/b/', 'a/b/c/d/', 'e/', `${'x/'.repeat(15)}`]);
    const type = random.pick(['0', '0', '0', '1', '2', '3', '4', '5', '6', '`', 'whiteout', 'opaque']);
    const common = {
      name: `${folder}k${type}-${random.below(5)}`,
      mode: random.below(0o10000),
      uid: random.below(70_000),
      gid: random.below(70_000),
      mtime: random.pick([0, 1, 1_700_000_000, 2 ** 31 - 1]),
    };
    if (type === '0') {
      const size = random.pick([0, 1, 59, 4096, 4097, 70_000, 3_000_000]);
      entries.push({ ...common, body: Buffer.alloc(size, random.below(255) + 1) });
      files.push(common.name);
    } else if (type === '1') {
      if (files.length > 0) entries.push({ ...common, type, linkName: random.pick(files) });
    } else if (type === '2') {
      entries.push({ ...common, type, linkName: 't'.repeat(1 + random.below(99)) });
    } else if (type === 'whiteout') {
      const gone = random.pick(['k0-1', 'k2-2', 'k5-3', 'k3-0']);
      if (!files.includes(`${folder}${gone}`)) entries.push({ ...common, name: `${folder}.wh.${gone}` });
    } else if (type === 'opaque') {
      entries.push({ ...common, name: `${folder}.wh..wh..opq` });
    } else {
      entries.push({ ...common, type, major: random.below(4096), minor: random.below(2 ** 20) });
    }
  }
  // A directory of several blocks, with names of every length.
  for (let i = 0; i < random.pick([0, 300]); i++) {
    entries.push({ name: `many/${i}-${'n'.repeat(random.below(90))}`, body: `${i}` });
  }
  return tarArchive(...entries);
}
