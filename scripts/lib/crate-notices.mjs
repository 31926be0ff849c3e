import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './run.mjs';

/** Texts that a licence asks to be passed on. */
const LICENCE_FILE = /^(licen[cs]e|copying|notice|unlicense)/i;

/**
 * The licences of all crates of other people that are linked into some of ours, as one text: each asks that its own
 * goes with every copy.
 *
 * @param {readonly string[]} packages names of our crates
 */
export async function crateNotices(packages) {
  const selected = packages.flatMap((name) => ['-p', name]);
  const tree = await cargo('tree', ...selected, '-e', 'normal', '--prefix', 'none', '--format', '{p}');
  const linked = new Set(tree.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')));
  const { output } = await run('rustc', ['-vV'], { quiet: true });
  const host = /^host: (.+)$/m.exec(output)?.[1] ?? '';
  // Without the platform cargo would fetch the crates of all others too.
  const metadata = JSON.parse(await cargo('metadata', '--format-version', '1', '--filter-platform', host));
  const owners = new Map();
  for (const crate of metadata.packages) {
    if (crate.source === null || !linked.has(`${crate.name} v${crate.version}`)) continue;
    for (const text of licenceTexts(crate)) {
      owners.set(text, [...(owners.get(text) ?? []), `${crate.name} ${crate.version}`]);
    }
  }
  // Most crates share a few texts.
  return [...owners]
    .map(([text, crates]) => `${crates.sort().join(', ')}\n\n${text}\n`)
    .sort()
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function licenceTexts({ license, manifest_path }) {
  const folder = dirname(manifest_path);
  const texts = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => readFileSync(join(folder, entry.name), 'utf8').replaceAll('\r', '').trim());
  return texts.length > 0 ? texts : [`Licence: ${license}`];
}

/** What it prints; words about locks that it waits for may come before. */
async function cargo(command, ...args) {
  const { code, output } = await run('cargo', [command, '--locked', '--quiet', ...args], { quiet: true });
  if (code !== 0) throw new Error(`cargo ${command} failed`);
  return output.slice(command === 'metadata' ? output.indexOf('{"packages"') : 0);
}
