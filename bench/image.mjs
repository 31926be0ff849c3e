// Images against upstream's `msb` 0.6.14 and the usual tools: pulls of real Debian images from a registry on the
// loopback interface, an EROFS image from an archive, an empty ext4 disk. `node bench/image.mjs [rounds]`
// Needs mmdebstrap, docker-registry, erofs-utils, e2fsprogs and GNU time.
import { spawnSync } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun, pushImage, referenceMsb, startLocalRegistry } from '@microsandbox/test-utils';
import { createUpperDisk } from '../packages/image/src/ext4/create-upper-disk.ts';
import { beginLayer } from '../packages/image/src/pull/begin-layer.ts';
import { DEFAULT_LAYER_LIMITS } from '../packages/image/src/tar/layer-limits.ts';
import { debianArchive, debianImage } from './lib/debian-image.mjs';
import { machine } from './lib/machine.mjs';
import { alternate, median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 7);
const upstream = referenceMsb();
const ours = [process.execPath, new URL('../packages/cli/bin/msb', import.meta.url).pathname];
/** Of `mkfs.ext4`: what our disks have (`packages/image/src/ext4/ext4-format.ts`). */
const EXT4_FEATURES =
  'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum';

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
const rows = [];

try {
  await using registry = await startLocalRegistry();
  const two = await push(registry, 2);
  await comparePulls(`pull, 2 layers, ${two.megabytes} MB compressed`, registry, two.reference, 0.7, 1.5);
  const ten = await push(registry, 10);
  await comparePulls('pull, 10 layers', registry, ten.reference, 0.6, 1.5);
  await compareCached(registry, two.reference);
  await compareErofs();
  await compareExt4();
  console.log(machine());
  console.log(table(['what', 'ours', 'against', 'ratio', 'goal', 'rounds'], rows));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function push(registry, layers) {
  const image = await debianImage(layers);
  const bytes = image.layers.reduce((sum, layer) => sum + layer.bytes.length, 0);
  const reference = await pushImage({ registry, repository: 'debian', tag: `${layers}-layers`, image });
  return { reference, megabytes: Math.round(bytes / 1e6) };
}

/** Each pull goes into a home that has been used, but whose cache of images is empty. */
async function comparePulls(what, registry, reference, goal, memoryGoal) {
  const [mine, theirs] = [await home('ours', registry), await home('upstream', registry)];
  const memory = [[], []];
  const once = async (place, program, index) => {
    await emptyCache(place);
    memory[index].push(pull(place, program, reference));
  };
  // The first pull of a home makes what later ones find.
  await once(mine, ours, 0);
  await once(theirs, [upstream], 1);
  for (const list of memory) list.length = 0;
  const times = await alternate(
    rounds,
    () => once(mine, ours, 0),
    () => once(theirs, [upstream], 1),
  );
  add(what, 'ms', times, 'upstream', goal);
  add(`${what}: peak memory`, 'MiB', memory, 'upstream', memoryGoal);
}

async function compareCached(registry, reference) {
  const [mine, theirs] = [await home('ours', registry), await home('upstream', registry)];
  await emptyCache(mine);
  await emptyCache(theirs);
  pull(mine, ours, reference);
  pull(theirs, [upstream], reference);
  const times = await alternate(
    rounds * 3,
    () => void pull(mine, ours, reference),
    () => void pull(theirs, [upstream], reference),
  );
  add('pull of what is cached', 'ms', times, 'upstream', 1.5);
}

async function compareErofs() {
  const archive = await debianArchive();
  const root = join(folder, 'root');
  await mkdir(root);
  await mustRun('tar', ['-xf', archive, '-C', root]);
  const help = spawnSync('mkfs.erofs', ['--help']);
  const takesTar = `${help.stdout}${help.stderr}`.includes('--tar');
  const image = join(folder, 'theirs.erofs');
  const theirs = takesTar ? ['--tar=f', image, archive] : [image, root];
  const times = await alternate(
    rounds,
    () => writeLayer(archive, join(folder, 'ours.erofs')),
    async () => {
      await rm(image, { force: true });
      await mustRun('mkfs.erofs', theirs);
    },
  );
  add('EROFS from a 210 MB archive', 'ms', times, `mkfs.erofs${takesTar ? ' --tar' : ', from a folder'}`, 1);
}

async function writeLayer(archive, path) {
  const spoolPath = `${path}.spool`;
  const build = await beginLayer({ compression: 'none', spoolPath, limits: DEFAULT_LAYER_LIMITS });
  await build.read(createReadStream(archive, { highWaterMark: 512 * 1024 })[Symbol.asyncIterator]());
  await build.write(path);
  // Only the TypeScript way leaves its name.
  await rm(spoolPath, { force: true });
}

async function compareExt4() {
  const theirs = join(folder, 'theirs.ext4');
  const times = await alternate(
    rounds,
    () => createUpperDisk({ path: join(folder, 'ours.ext4'), sizeMib: 4096 }),
    async () => {
      await rm(theirs, { force: true });
      const options = ['-q', '-F', '-b', '4096', '-I', '256', '-J', 'size=64', '-O', EXT4_FEATURES];
      await mustRun('mkfs.ext4', [...options, theirs, '4G']);
    },
  );
  add('empty upper.ext4 of 4 GiB', 'ms', times, 'mkfs.ext4', 1);
}

async function home(name, registry) {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  const hosts = { [registry.host]: { insecure: true } };
  await writeFile(join(path, 'config.json'), JSON.stringify({ registries: { hosts } }));
  return path;
}

/** Removes all images; what Node compiled of our command stays, as in any home. */
async function emptyCache(place) {
  for (const name of await readdir(join(place, 'cache')).catch(() => [])) {
    if (name !== 'compile') await rm(join(place, 'cache', name), { recursive: true });
  }
}

/** Pulls and returns the largest resident set, MiB. */
function pull(place, program, reference) {
  const report = join(folder, 'peak');
  const args = ['-f', '%M', '-o', report, ...program, 'pull', '-q', reference];
  const { status, stderr } = spawnSync('/usr/bin/time', args, {
    env: { ...process.env, MSB_HOME: place },
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`${program.at(-1)} pull: ${stderr}`);
  return Number(readFileSync(report, 'utf8').trim().split('\n').at(-1)) / 1024;
}

function add(what, unit, [mine, theirs], other, goal) {
  const [a, b] = [median(mine), median(theirs)];
  const range = (values) => `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
  const cell = (middle, values) => `${middle.toFixed(0)} ${unit} (${range(values)})`;
  const against = `${other}: ${cell(b, theirs)}`;
  rows.push([what, cell(a, mine), against, (a / b).toFixed(2), String(goal), String(mine.length)]);
}
