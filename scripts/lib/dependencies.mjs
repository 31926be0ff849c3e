import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fail, must, root } from './run.mjs';

const stamp = join(root, 'node_modules/.setup-stamp');
const kernelPackage = join(root, 'node_modules/@superradcompany/microsandbox-linux-x64-gnu/lib');

function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** npm's own entry file, so that npm can be run under another Node than the one it came with. */
function npmCli() {
  const candidates = [
    process.env.npm_execpath,
    join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
    ...(process.env.PATH ?? '').split(':').map((folder) => join(folder, 'npm')),
  ];
  const found = candidates.find((path) => path && existsSync(path));
  if (!found) fail('npm was not found; install it together with Node.js');
  return realpathSync(found);
}

/**
 * Installs the npm packages when the lock file changed.
 *
 * npm drops an optional dependency whose `engines` exclude the running Node without a word, and the guest
 * kernel comes with such a package. So npm runs under the Node that the repository pins. No package's script runs
 * but that of `node`, which puts its binary in place: from a lock file npm would also compile better-sqlite3,
 * although that package brings its binaries and says so.
 */
export async function installDependencies() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest()) return;
  console.log('Installing npm packages');
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const pinned = lock.packages['node_modules/node'].version;
  const quiet = ['--no-fund', '--no-audit', '--loglevel=error'];
  const npm = (...args) => runNpm(pinned, [npmCli(), ...args, ...quiet]);
  await npm('ci', '--ignore-scripts');
  await npm('rebuild', 'node');
  if (process.platform === 'linux' && process.arch === 'x64' && !existsSync(kernelPackage)) {
    fail('the package with the guest kernel was not installed (@superradcompany/microsandbox-linux-x64-gnu)');
  }
  writeFileSync(stamp, lockDigest());
}

/**
 * Runs npm under Node 24: the one that runs this, or the pinned one from the registry. Never under the
 * repository's own, which the installation takes away; npx would take that one if it found it.
 */
function runNpm(pinned, args) {
  const folders = (process.env.PATH ?? '').split(':').filter((folder) => !folder.startsWith(`${root}/`));
  const options = { cwd: tmpdir(), env: { ...process.env, PATH: folders.join(':') } };
  const prefixed = [...args, '--prefix', root];
  const isOwn = process.execPath.startsWith(`${root}/`);
  if (!isOwn && Number.parseInt(process.versions.node, 10) >= 24) {
    return must(process.execPath, prefixed, options);
  }
  return must('npx', ['--yes', '--package', `node@${pinned}`, '--', 'node', ...prefixed], options);
}
