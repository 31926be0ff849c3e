// What keeping state costs: `msb ls` with many rows, creates without a machine, the log of a sandbox and its readers,
// and the memory of a sandbox process at rest. Prints one table. `node bench/state.mjs [rounds]`
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalog, insertSandbox, setSandboxStatus } from '@microsandbox/db';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { homeLayout, loadHostConfig } from '@microsandbox/utils';
import { Image, Sandbox } from 'microsandbox';
import { sandboxConfig } from '../packages/db/test/sandbox-config.ts';
import { machine } from './lib/machine.mjs';
import { proportionalSetSizes } from './lib/memory.mjs';
import { alternate, median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 10);
const ROWS = 500;
const LOG_MIB = 200;
const CREATES = 100;
/** As sandbox processes run: a small heap. */
const SMALL_HEAP = [
  '--max-old-space-size=128',
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--optimize-for-size',
];

const file = (path) => new URL(path, import.meta.url).pathname;
const msb = file('../packages/cli/bin/msb');

function must(args, env = process.env) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

const ms = (times) =>
  `${median(times).toFixed(0)} ms (${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)})`;
const ratio = (a, b) => (median(a) / median(b)).toFixed(2);

/** `msb ls` on a home with many stopped sandboxes. */
async function listing() {
  await using home = await initIsolatedHome();
  const layout = homeLayout(home.path);
  const catalog = await Catalog.open({ layout, config: await loadHostConfig(home.env) });
  await catalog.write((db) => {
    for (let index = 0; index < ROWS; index++) {
      const { id } = insertSandbox(db, sandboxConfig(`box-${index}`));
      setSandboxStatus(db, id, 'Stopped');
    }
  });
  await catalog.close();
  const shown = must([msb, 'ls', '-q'], home.env).trim().split('\n').length; // fills the compile cache
  if (shown !== ROWS) throw new Error(`msb ls showed ${shown} sandboxes`);
  const [ours, floor] = await alternate(
    rounds,
    () => must([msb, 'ls'], home.env),
    () => must(['-e', '0']),
  );
  return [
    `\`msb ls\`, ${ROWS} sandboxes`,
    ms(ours),
    `\`node -e 0\`: ${ms(floor)}`,
    ratio(ours, floor),
    '1.6',
  ];
}

/** Creates a second with a launcher that starts nothing, by one process or several at once. */
async function creates(processes) {
  await using home = await initIsolatedHome();
  const disk = join(home.path, 'disk.raw');
  await writeFile(disk, '');
  const script = file('../packages/sdk/test/create-many.ts');
  const run = (prefix, count) =>
    new Promise((resolve, reject) => {
      const args = ['--conditions=@microsandbox/source', script, prefix, String(count), disk];
      const child = spawn(process.execPath, args, { env: home.env, stdio: ['ignore', 'ignore', 'inherit'] });
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`creates ended with ${code}`)),
      );
    });
  const timed = async (count, name) => {
    const start = performance.now();
    await Promise.all(Array.from({ length: processes }, (_, index) => run(`${name}${index}`, count)));
    return performance.now() - start;
  };
  await timed(1, 'first');
  // What starting the processes takes is no part of the figure.
  const idle = await timed(0, 'none');
  const seconds = ((await timed(CREATES, 'many')) - idle) / 1000;
  const figure = `${((CREATES * processes) / seconds).toFixed(0)} a second`;
  return [`creates without a machine, ${processes} at once`, figure, '-', '-', '-'];
}

/** Writing and reading the log of a sandbox that prints much, in lines of `bytes` or in frames of that size. */
async function logs(bytes, what) {
  const folder = await mkdtemp(join(tmpdir(), 'msb-bench-log-'));
  try {
    const peaks = {};
    const work = async (name, flags = []) => {
      if (name === 'write') await rm(join(folder, 'exec.log'), { force: true });
      if (name === 'append') await rm(join(folder, 'plain.log'), { force: true });
      const out = must([...flags, file('lib/log-work.mjs'), name, folder, String(LOG_MIB), String(bytes)]);
      const { ms: time, peakMib } = JSON.parse(out);
      peaks[name] = Math.max(peaks[name] ?? 0, peakMib);
      return time;
    };
    const times = { write: [], append: [], stream: [], tail: [], readline: [] };
    for (let round = 0; round < Math.max(3, rounds / 3); round++) {
      for (const name of ['write', 'append']) times[name].push(await work(name, SMALL_HEAP));
      for (const name of ['stream', 'tail', 'readline']) times[name].push(await work(name));
    }
    const row = (label, ours, peer, peerName, goal) => [
      `${label}, ${LOG_MIB} MiB ${what} (peak memory + ${peaks[ours].toFixed(0)} MiB)`,
      ms(times[ours]),
      `${peerName}: ${ms(times[peer])} (+ ${peaks[peer].toFixed(0)} MiB)`,
      ratio(times[ours], times[peer]),
      goal,
    ];
    return [
      row('log written', 'write', 'append', 'write stream, as it is', '2'),
      row('log streamed', 'stream', 'readline', 'readline, not parsed', '2'),
      row('last 100 entries', 'tail', 'readline', 'readline, not parsed', '2'),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Memory of one sandbox process that has nothing to do. */
async function atRest() {
  const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
  await using home = await initIsolatedHome();
  try {
    const reference = 'localhost/bench';
    await writeOciLayout(folder, buildTestImage({ layers: [await busyboxLayer()] }), reference);
    await Image.importLayout(folder, { reference });
    await Sandbox.prewarm();
    const sandbox = await Sandbox.builder('rest').image(reference).pullPolicy('never').create();
    await sandbox.exec('true');
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const { process: own } = await proportionalSetSizes(home.path, (command) =>
      /^microsandbox rest/.test(command),
    );
    const how = sandbox.boot.boot;
    await sandbox.stop();
    return [`sandbox process at rest, PSS (${how} boot)`, `${own.toFixed(1)} MiB`, '-', '-', '45 MiB'];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

console.log(machine());
const rows = [
  await listing(),
  await creates(1),
  await creates(8),
  ...(await logs(128, 'line by line')),
  ...(await logs(32_640, 'in full frames')),
  await atRest(),
];
console.log(`\n${table(['what', 'ours', 'against', 'ratio', 'goal'], rows)}`);
