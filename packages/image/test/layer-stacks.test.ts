import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterAll, describe, expect, it } from 'vitest';
import type { BuiltLayer } from '../src/pull/layer-build.ts';
import { type ImageLayer, writeMergedImage } from '../src/pull/write-merged-image.ts';
import { DEFAULT_LAYER_LIMITS } from '../src/tar/layer-limits.ts';
import { type LayerWay, layerWays, nativeWay } from './layer-builds.ts';
import { paxEntry, type TarEntry, tarArchive } from './tar-builder.ts';

const dir = await mkdtemp(join(tmpdir(), 'msb-stacks-'));
afterAll(() => rm(dir, { recursive: true }));

const T0 = 1_700_000_000;
const directory = (name: string, offset: number): TarEntry => ({
  name,
  type: '5',
  mode: 0o755,
  mtime: T0 + offset,
});

/** Archives of the layers of the golden vectors. */
const golden0 = tarArchive(
  directory('bin', 0),
  { name: 'bin/sh', mode: 0o755, mtime: T0 + 1, body: 'A'.repeat(5000) },
  { name: 'bin/ash', type: '1', linkName: 'bin/sh' },
  { name: 'etc/hostname', mtime: T0 + 2, body: 'box\n' },
  { name: 'etc/empty', mode: 0o600, uid: 1000, gid: 1000, mtime: T0 + 3 },
  { name: 'lib', type: '2', mode: 0o777, mtime: T0 + 4, linkName: 'usr/lib' },
  { name: 'dev/null', type: '3', mode: 0o666, mtime: T0 + 5, major: 1, minor: 3 },
);
const golden1 = tarArchive(
  directory('etc', 10),
  { name: 'etc/.wh..wh..opq' },
  { name: 'etc/new', mtime: T0 + 11, body: 'B'.repeat(4096) },
  { name: '.wh.lib', mode: 0, mtime: T0 + 12 },
);

describe.each(layerWays.map((way) => [way.name, way] as const))('layers built %s', (_name, way) => {
  it('are the golden vectors', async () => {
    const layers = await built(way, [golden0, golden1]);
    expect(await sha256(layers[0]?.path)).toBe(
      '5f4d0429c186ae381232f6607ee5cd18d158ac6657955cd9480cfb20b50e17be',
    );
    expect(await sha256(layers[1]?.path)).toBe(
      'c2d77de20115a252c8a52c4278692b8ae4f06f80aad50634f9ad9944da49a3fd',
    );
    expect(await merged(layers)).toBe('3fa133729f046dd9a4a687d84d8bc0bcbce3d1471b3d01ab0dd0ddb813111b39');
  });

  it('refuse more layers than an image can have', async () => {
    const [layer] = (await built(way, [golden1])) as [ImageLayer];
    const layers = Array.from({ length: 65_536 }, () => layer);
    await expect(merged(layers)).rejects.toThrow('too many layers: 65536, at most 65535');
  });
});

describe.skipIf(nativeWay === null)('layers of random archives', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => [seed]))('merge to one image: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const archives = Array.from({ length: 1 + random.below(4) }, () => randomLayer(random));
    const stacks: (readonly ImageLayer[])[] = [];
    for (const way of layerWays) stacks.push(await built(way, archives));
    // A layer may occur again, on top of what came between.
    const again = random.chance(0.3) ? [random.below(archives.length)] : [];
    const [javascript, native] = stacks.map((layers) => [
      ...layers,
      ...again.map((index) => layers[index] as ImageLayer),
    ]) as [ImageLayer[], ImageLayer[]];
    const expected = await merged(javascript);
    expect(await merged(native)).toBe(expected);
    // Layers that were there before are read from their images.
    expect(await merged(native.map(({ path }) => ({ path, built: undefined })))).toBe(expected);
    const mixed = native.map((layer, index) =>
      index === 0 ? { path: layer.path, built: undefined } : layer,
    );
    if (again.length === 0) expect(await merged(mixed)).toBe(expected);
  });
});

let count = 0;

async function built(way: LayerWay, archives: readonly Buffer[]): Promise<ImageLayer[]> {
  const layers: ImageLayer[] = [];
  for (const archive of archives) {
    const path = join(dir, `${++count}.erofs`);
    const spoolPath = `${path}.spool`;
    const build = way.begin({ compression: 'none', spoolPath, limits: DEFAULT_LAYER_LIMITS });
    await build.read(once(archive));
    const layer: BuiltLayer = await build.write(path);
    layers.push({ path, built: layer });
  }
  return layers;
}

async function* once(archive: Buffer): AsyncGenerator<Buffer, void, void> {
  yield Buffer.from(archive);
}

async function merged(layers: readonly ImageLayer[]): Promise<string> {
  const path = join(dir, `${++count}.fsmeta`);
  await writeMergedImage(layers, path);
  return sha256(path);
}

async function sha256(path = ''): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** A layer in which little is refused: names of few directories, whiteouts, links, everything replaced now and then. */
function randomLayer(random: SeededRandom): Buffer {
  const parts: (TarEntry | Buffer)[] = [];
  const files = new Set<string>();
  // What is a folder cannot become something else, nor the other way round.
  const folders = new Set<string>();
  const leaves = new Set<string>();
  for (let left = random.below(40); left > 0; left--) {
    const folder = random.pick(['', 'd/', 'd/e/', 'f/', 'f/.g/']);
    const leaf = random.pick(['a', 'b', '!', '-x', '.y', 'z'.repeat(200), '\xff']);
    const whiteout = random.pick(['.wh.a', '.wh.b', '.wh.d', '.wh.e', '.wh..wh..opq']);
    const name = `${folder}${random.chance(0.2) ? whiteout : leaf}`;
    const made = name.replace('.wh.', '');
    const parents = ['d', 'd/e', 'f', 'f/.g'].filter((path) => folder.startsWith(`${path}/`));
    if (folders.has(made) || parents.some((path) => leaves.has(path))) continue;
    for (const path of parents) folders.add(path);
    leaves.add(made);
    if (random.chance(0.2)) parts.push(paxEntry({ 'SCHILY.xattr.user.n': 'v'.repeat(random.below(5000)) }));
    files.delete(made);
    const entry = randomEntry(random, name, [...files]);
    if ((entry.type === '0' || entry.type === '1') && name === made) files.add(name);
    parts.push(entry);
    if (random.chance(0.1)) parts.push({ name: folder, type: '5', mode: random.below(0o1000) });
  }
  return tarArchive(...parts);
}

function randomEntry(random: SeededRandom, name: string, files: readonly string[]): TarEntry {
  const type = random.pick(['0', '0', '0', '1', '2', '2', '3', '6']);
  const common = {
    name,
    mode: random.below(0o10000),
    uid: random.below(70_000),
    mtime: random.below(2 ** 31),
  };
  if (type === '1' && files.length > 0) return { ...common, type, linkName: random.pick(files) };
  if (type === '2') return { ...common, type, linkName: 't'.repeat(1 + random.below(random.pick([9, 99]))) };
  if (type === '3' || type === '6') return { ...common, type, major: 1, minor: random.below(9) };
  return { ...common, type: '0', body: random.bytes(random.pick([0, 5, 4096, 10_000])) };
}
