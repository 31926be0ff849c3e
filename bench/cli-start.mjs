// `msb ls` on an existing home against `node -e 0`: what starting our command adds to starting Node.
import { spawnSync } from 'node:child_process';
import { initIsolatedHome } from '@microsandbox/test-utils';
import { machine } from './lib/machine.mjs';
import { alternate, report } from './lib/statistics.mjs';

const launcher = new URL('../packages/cli/bin/msb', import.meta.url).pathname;

function must(args, env = process.env) {
  const { status, stderr } = spawnSync(process.execPath, args, { env });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
}

await using home = await initIsolatedHome();
const catalog = await import('@microsandbox/db');
const utils = await import('@microsandbox/utils');
const layout = utils.homeLayout(home.path);
await (await catalog.Catalog.open({ layout, config: await utils.loadHostConfig() })).close();

must([launcher, 'ls'], home.env); // fills the compile cache
const [ours, floor] = await alternate(
  30,
  () => must([launcher, 'ls'], home.env),
  () => must(['-e', '0']),
);
console.log(machine());
report('start of the command line', ['msb ls', ours], ['node -e 0', floor], 1.5);
