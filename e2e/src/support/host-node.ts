import { realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findProgram } from '@microsandbox/test-utils';

/** Where the guest finds them. */
const NODE = '/opt/node';
const NPM = '/opt/npm';

/** The command `npm` in a guest that has the shares of {@link hostNodeShares}. */
export const GUEST_NPM = `PATH=${NODE}:$PATH node ${NPM}/bin/npm-cli.js`;

/** The command `node` there. */
export const GUEST_NODE = `${NODE}/node`;

/** Options of `msb create` that give a guest the repository's own Node.js, and the npm of this machine, to read. */
export async function hostNodeShares(): Promise<readonly string[]> {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin');
  const npm = await findProgram('npm');
  if (npm === null) throw new Error('npm was not found');
  // The program is a link to `bin/npm-cli.js` of the package.
  const folder = dirname(dirname(await realpath(npm)));
  return ['--mount-dir', `${node}:${NODE}:ro`, '--mount-dir', `${folder}:${NPM}:ro`];
}
