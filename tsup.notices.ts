import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from 'tsup';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/** By name and version, for all files that one configuration builds. */
const licences = new Map<string, string>();

/**
 * Writes `THIRD-PARTY-NOTICES.txt` beside a program into which other packages are bundled: their licences ask that
 * their texts go with every copy.
 */
export const thirdPartyNotices: Plugin = {
  name: 'third-party-notices',
  setup(build) {
    build.initialOptions.metafile = true;
    build.onEnd(({ metafile }) => {
      for (const path of Object.keys(metafile?.inputs ?? {})) note(path);
      const outDir = build.initialOptions.outdir ?? 'dist';
      mkdirSync(outDir, { recursive: true });
      const texts = [...licences].sort().map(([name, text]) => `${name}\n\n${text.trim()}\n`);
      writeFileSync(join(outDir, 'THIRD-PARTY-NOTICES.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
    });
  },
};

/** Takes note of the package that a bundled file is from. */
function note(file: string): void {
  const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
  // Files that a plugin makes up have their plugin's name in front.
  if (folder === undefined || file.includes(':')) return;
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
  licences.set(`${name} ${version}`, text ? readFileSync(join(folder, text), 'utf8') : `Licence: ${license}`);
}
