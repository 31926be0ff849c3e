// What the probes of both drivers take together: when nothing is known of this boot of the host, and when it is.
// `node bench/probe.mjs [rounds]`
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { krunDriver, qemuDriver } from '@microsandbox/runtime';
import { machine } from './lib/machine.mjs';
import { median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 21);
const GOAL_MS = 30;

async function probe(cacheDir) {
  const start = performance.now();
  const options = { env: process.env, cacheDir };
  await Promise.all([krunDriver.probe(options), qemuDriver.probe(options)]);
  return performance.now() - start;
}

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
try {
  await probe(join(folder, 'loads the addon'));
  const [first, known] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const cacheDir = join(folder, String(round));
    first.push(await probe(cacheDir));
    known.push(await probe(cacheDir));
  }
  const row = (what, times) => [
    what,
    `${median(times).toFixed(1)} ms (${Math.min(...times).toFixed(1)}-${Math.max(...times).toFixed(1)})`,
    `${GOAL_MS} ms`,
  ];
  const rows = [
    row('probes of both drivers, first', first),
    row('probes of both drivers, remembered', known),
  ];
  console.log(`${machine()}\n\n${table(['what', 'measured', 'goal'], rows)}`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
