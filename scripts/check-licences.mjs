// Lists the licences of everything that is shipped and refuses those that do not fit Apache-2.0.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/run.mjs';

const accepted = new Set([
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BSL-1.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unicode-3.0',
  'Unlicense',
  'Zlib',
]);

/** An SPDX expression is fine when one of its OR alternatives has only accepted parts. */
function fits(expression) {
  return expression
    .replaceAll('/', ' OR ')
    .split(' OR ')
    .some((alternative) =>
      alternative
        .replaceAll(/[()]/g, '')
        .split(' AND ')
        .every((part) => accepted.has(part.trim())),
    );
}

/** Packages that end up with users: everything the lock file does not mark as for development. */
function npmLicences() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.includes('node_modules/') && !entry.dev && !entry.link)
    .map(([path, entry]) => ({
      name: `${path.split('node_modules/').at(-1)} ${entry.version}`,
      licence: entry.license ?? licenceOfInstalled(path),
    }));
}

function licenceOfInstalled(path) {
  try {
    return JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).license;
  } catch {
    return undefined;
  }
}

async function crateLicences() {
  const { output } = await run('cargo', ['metadata', '--format-version', '1', '--locked'], { quiet: true });
  const metadata = JSON.parse(output.slice(output.indexOf('{"packages"')));
  return metadata.packages
    .filter(({ source }) => source !== null)
    .map(({ name, version, license }) => ({ name: `${name} ${version}`, licence: license }));
}

const all = [...npmLicences(), ...(await crateLicences())];
const refused = all.filter(({ licence }) => !licence || !fits(licence));
for (const { name, licence } of refused)
  console.error(`${name}: licence ${licence ?? 'not stated'} is not accepted`);
if (process.argv.includes('--list')) for (const { name, licence } of all) console.log(`${name}: ${licence}`);
console.log(`licences: ${all.length} dependencies, ${refused.length} refused`);
process.exitCode = refused.length > 0 ? 1 : 0;
