// `npm test`: everything that must hold, end to end included, on a fresh clone.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/run.mjs';
import { Tally } from './lib/tally.mjs';
import { setUp } from './setup.mjs';

const started = Date.now();
await setUp({ tests: true });

const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
const tested = [...packages, 'test-utils'];
for (const folder of [...tested, 'e2e']) rmSync(join(root, folder, 'test-report.json'), { force: true });

const tally = new Tally();
const minutes = () => ((Date.now() - started) / 60_000).toFixed(1);

async function step(name, program, args, options = {}) {
  console.log(`\n== ${name} (minute ${minutes()})`);
  const { code, output } = await run(program, args, options);
  tally.step(name, code === 0);
  return output;
}

await step('format and lint', 'biome', ['check', '--error-on-warnings', '.']);
await step('layers', 'node', ['scripts/check-layers.mjs']);
await step('build', 'nx', ['run-many', '-t', 'build', '--outputStyle=static']);
await step('types', 'nx', ['run-many', '-t', 'typecheck', '--outputStyle=static']);
await step('rust lint', 'nx', ['run', 'crates:lint', '--outputStyle=static']);
await step('unused code', 'knip', []);
await step('licences', 'node', ['scripts/check-licences.mjs']);
await step('packed packages', 'node', ['scripts/check-packages.mjs']);

tally.addCargo(await step('crates', 'nx', ['run', 'crates:test', '--outputStyle=static'], { capture: true }));
await step('packages', 'nx', [
  'run-many',
  '-t',
  'test',
  '--exclude=crates',
  '--parallel=1',
  '--nxBail=false',
  '--outputStyle=static',
]);
for (const folder of tested) tally.addVitest(join(root, folder, 'test-report.json'));

await step('end to end', 'vitest', ['run', '--root', 'e2e']);
tally.addVitest(join(root, 'e2e/test-report.json'));

console.log(`\nTook ${minutes()} minutes.`);
process.exitCode = tally.close() ? 0 : 1;
