// Create to first exec: woken from a template against booted cold, step by step; and what woken sandboxes cost in
// memory. `node bench/warm-start.mjs [rounds] [sandboxes alive at once, at most]`
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { Image, Sandbox } from 'microsandbox';
import { machine } from './lib/machine.mjs';
import { proportionalSetSizes } from './lib/memory.mjs';
import { alternate, median, report } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 20);
const mostAlive = Number(process.argv[3] ?? 40);
const reference = 'localhost/bench';
const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using home = await initIsolatedHome();

/** Steps of a start: what is done between the one before and the moment it is named for. */
const STEPS = {
  disks: 'catalog, image, disks',
  spawn: 'sandbox process starts',
  vmm: 'QEMU starts; state loaded, or monitor ready',
  kernel: "guest's first process runs",
  agent: 'bootstrap, devices bound, root mounted',
  ready: 'names, network, agent ready',
  create: 'create() returns',
  exec: 'first exec',
};

const create = (name, warm, onPhase) => {
  process.env.MSB_WARM = warm;
  const builder = Sandbox.builder(name).image(reference).pullPolicy('never').replace();
  return (onPhase ? builder.onBootPhase(onPhase) : builder).create();
};

/** One start: adds the total to `times`, and the duration of each step to its list in `steps`. */
async function start(warm, times, steps) {
  const begin = performance.now();
  let last = begin;
  const reached = (step) => {
    const now = performance.now();
    steps[step]?.push(now - last);
    last = now;
  };
  const sandbox = await create('bench', warm, ({ phase }) => {
    if (phase !== 'image') reached(phase);
  });
  reached('create');
  await sandbox.exec('true');
  reached('exec');
  times.push(performance.now() - begin);
  const expected = warm === 'auto' ? 'warm' : 'cold';
  if (sandbox.boot.boot !== expected) throw new Error(`this one was ${sandbox.boot.boot}`);
  await sandbox.stop();
}

/** Proportional set sizes of `count` woken sandboxes that have run a program, MiB each. */
async function memoryOf(count) {
  const sandboxes = [];
  for (let index = 0; index < count; index++) sandboxes.push(await create(`m${index}`, 'auto'));
  for (const sandbox of sandboxes) await sandbox.exec('true');
  const { vmm, process: own } = await proportionalSetSizes(home.path, (command) =>
    /^microsandbox m\d/.test(command),
  );
  for (const sandbox of sandboxes) await sandbox.stop();
  return { vmm: vmm / count, own: own / count };
}

async function templateMib() {
  const store = join(home.path, 'cache/warm');
  const [key] = (await readdir(store)).filter((name) => !name.startsWith('.'));
  return (await stat(join(store, key, 'memory'))).blocks / 2048;
}

try {
  const image = buildTestImage({ layers: [await busyboxLayer()] });
  await writeOciLayout(folder, image, reference);
  await Image.importLayout(folder, { reference });
  await Sandbox.prewarm();
  const lists = () => Object.fromEntries(Object.keys(STEPS).map((step) => [step, []]));
  const [warm, cold] = [
    { times: [], steps: lists() },
    { times: [], steps: lists() },
  ];
  await start('auto', [], lists());
  await alternate(
    rounds,
    () => start('auto', warm.times, warm.steps),
    () => start('off', cold.times, cold.steps),
  );
  console.log(machine());
  report('create to first exec', ['warm', warm.times], ['cold', cold.times], 0.1);
  const ms = (values) => `${median(values).toFixed(0)} ms`;
  const rows = Object.entries(STEPS).map(([step, text]) => [
    text,
    ms(warm.steps[step]),
    ms(cold.steps[step]),
  ]);
  console.log(
    `\n${table(['step, median', 'warm', 'cold'], [...rows, ['all', ms(warm.times), ms(cold.times)]])}`,
  );

  const memory = [
    ['template of a 512 MiB guest, allocated', `${(await templateMib()).toFixed(1)} MiB`, '40'],
  ];
  for (const count of [1, 8, 40].filter((number) => number <= mostAlive)) {
    const { vmm, own } = await memoryOf(count);
    const sizes = [vmm, own, vmm + own].map((size) => size.toFixed(0)).join(' / ');
    memory.push([
      `${count} alive, PSS each: VMM and guest / sandbox process / both`,
      `${sizes} MiB`,
      '45 / - / -',
    ]);
  }
  console.log(`\n${table(['memory', 'figure', 'goal'], memory)}`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
