// Create to first exec: woken from a template against booted cold; and what a woken sandbox costs in memory.
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { Image, Sandbox } from 'microsandbox';
import { machine } from './lib/machine.mjs';
import { alternate, median, report } from './lib/statistics.mjs';

const rounds = Number(process.argv[2] ?? 20);
const reference = 'localhost/bench';
const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using home = await initIsolatedHome();

function create(name, warm) {
  process.env.MSB_WARM = warm;
  return Sandbox.builder(name).image(reference).pullPolicy('never').replace().create();
}

/** Time from create to the end of the first exec. */
async function start(warm, times) {
  const begin = performance.now();
  const sandbox = await create('bench', warm);
  await sandbox.exec('true');
  times.push(performance.now() - begin);
  await sandbox.stop();
}

/** Proportional set size of this home's virtual machines and sandbox processes, MiB each. */
async function memoryOf(count) {
  const sandboxes = [];
  for (let i = 0; i < count; i++) sandboxes.push(await create(`m${i}`, 'auto'));
  for (const sandbox of sandboxes) await sandbox.exec('true');
  const sums = { vmm: 0, process: 0 };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const kind = command.includes('qemu-system') && command.includes(home.path) ? 'vmm' : null;
    const own = kind ?? (/^microsandbox m\d/.test(command) ? 'process' : null);
    if (own === null) continue;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
    sums[own] += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
  }
  for (const sandbox of sandboxes) await sandbox.stop();
  return { vmm: sums.vmm / count, process: sums.process / count };
}

try {
  const image = buildTestImage({ layers: [await busyboxLayer()] });
  await writeOciLayout(folder, image, reference);
  await Image.importLayout(folder, { reference });
  await Sandbox.prewarm();
  const [warm, cold] = [[], []];
  await start('auto', []);
  await alternate(
    rounds,
    () => start('auto', warm),
    () => start('off', cold),
  );
  console.log(machine());
  report('create to first exec', ['warm', warm], ['cold', cold], 0.1);
  console.log(`absolute medians: warm ${median(warm).toFixed(0)} ms, cold ${median(cold).toFixed(0)} ms`);
  const warmFolder = join(home.path, 'cache/warm');
  for (const key of (await readdir(warmFolder)).filter((name) => !name.startsWith('.'))) {
    const { blocks } = await stat(join(warmFolder, key, 'memory'));
    console.log(
      `template memory: ${(blocks / 2048).toFixed(1)} MiB allocated for a 512 MiB guest (goal <= 40)`,
    );
  }
  for (const count of [1, 8]) {
    const { vmm, process: own } = await memoryOf(count);
    console.log(
      `${count} woken: PSS ${vmm.toFixed(0)} MiB each for VMM and guest, ${own.toFixed(0)} MiB for the process`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
