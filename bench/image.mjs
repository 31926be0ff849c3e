// Pull of a real Debian image against upstream's `msb pull` 0.6.14, each time into an empty cache.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pushImage, startLocalRegistry } from '@microsandbox/test-utils';
import { debianImage } from '../e2e/src/support/debian.ts';
import { machine } from './lib/machine.mjs';
import { alternate, report } from './lib/statistics.mjs';

const rounds = Number(process.argv[2] ?? 5);
const require = createRequire(import.meta.url);
const upstream = join(
  dirname(require.resolve('@superradcompany/microsandbox-linux-x64-gnu/package.json')),
  'bin/msb',
);
const ours = new URL('../packages/cli/bin/msb', import.meta.url).pathname;

await using registry = await startLocalRegistry();
const reference = await pushImage({
  registry,
  repository: 'debian',
  tag: 'bookworm',
  image: await debianImage(),
});

const homes = [];
async function freshHome() {
  const home = await mkdtemp(join(tmpdir(), 'msb-pull-'));
  homes.push(home);
  const hosts = { [registry.host]: { insecure: true } };
  await writeFile(join(home, 'config.json'), JSON.stringify({ registries: { hosts } }));
  return { ...process.env, MSB_HOME: home };
}

async function pull(program, args) {
  const env = await freshHome();
  const { status, stderr } = spawnSync(program, [...args, 'pull', '-q', reference], {
    env,
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`${program} pull: ${stderr}`);
}

try {
  const [mine, theirs] = await alternate(
    rounds,
    () => pull(process.execPath, [ours]),
    () => pull(upstream, []),
  );
  console.log(machine());
  report('pull of Debian', ['msb pull', mine], ['upstream 0.6.14', theirs]);
} finally {
  for (const home of homes) await rm(home, { recursive: true, force: true });
}
