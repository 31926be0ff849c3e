// `npm run fuzz [seconds]`: every parser of strangers' bytes for 60 s each, or so many. A failure names its seed and a
// file with the input; `MSB_FUZZ_SEED=<seed> npm run fuzz 1` makes it again.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, toolEnv } from './lib/run.mjs';

const seconds = process.argv[2] ?? '60';
const { MSB_FUZZ_SEED = String(Date.now() % 2 ** 31) } = process.env;
console.log(`Seeds from ${MSB_FUZZ_SEED} on`);
const env = { ...toolEnv, MSB_FUZZ_SECONDS: seconds, MSB_FUZZ_SEED };

const codes = [];
for (const name of ['image', 'network']) {
  const folder = join(root, 'packages', name);
  const files = readdirSync(join(folder, 'test')).filter((file) => file.endsWith('-fuzz.test.ts'));
  const { code } = await run('vitest', ['run', '--root', folder, ...files], { env });
  codes.push(code);
}
// Frames and the server names of flows that are passed on unopened are read in Rust; so are the requests of shares.
// Their inputs follow from one another: the first seed, and as many seconds, make a failing one again.
const crates = ['msb-netstack', 'msb-fileserver'].flatMap((name) => ['-p', name]);
const targets = ['hostile', 'malformed'].flatMap((name) => ['--test', name]);
const args = ['test', '--release', '--locked', '--no-fail-fast', ...crates, ...targets];
const { code } = await run('cargo', args, { env });
codes.push(code);
process.exitCode = codes.find((status) => status !== 0) ?? 0;
