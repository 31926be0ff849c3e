// Packs every public package and checks the tarballs the way a consumer sees them.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/run.mjs';

const out = join(root, '.tmp/packed');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

let failed = false;
for (const folder of readdirSync(join(root, 'packages'))) {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', out, '-w', manifest.name], {
    quiet: true,
  });
  const tarball = readdirSync(out).find((name) => name === tarballName(manifest));
  if (packed.code !== 0 || !tarball) {
    console.error(`${manifest.name}: could not be packed`);
    failed = true;
    continue;
  }
  const files = JSON.parse(packed.output.slice(packed.output.indexOf('[\n')))[0].files.map(
    ({ path }) => path,
  );
  const wrong = wrongFiles(files);
  if (wrong.length > 0) console.error(`${tarball}: ${wrong.join(', ')}`);
  failed ||= wrong.length > 0;
  const lint = await run('publint', ['run', join(out, tarball), '--strict'], { quiet: true });
  const checks = [lint];
  if (manifest.exports) {
    // The source condition is for this repository; consumers resolve by import and require.
    checks.push(
      await run('attw', [join(out, tarball), '--profile', 'node16', '--no-emoji'], { quiet: true }),
    );
  }
  const ok = checks.every(({ code }) => code === 0);
  console.log(`${ok ? 'ok' : 'FAILED'}: ${tarball}`);
  failed ||= !ok;
}
process.exitCode = failed ? 1 : 0;

/** What a package must not hold, and what it lacks. */
function wrongFiles(files) {
  const tests = files.filter((path) => /\.test\.|(^|\/)(test|\.tmp)\//.test(path));
  const bundles = files.some((path) => path === 'dist/sandbox-process.cjs' || path === 'dist/msb.cjs');
  const needed = ['LICENSE', 'README.md', ...(bundles ? ['dist/THIRD-PARTY-NOTICES.txt'] : [])];
  const prebuilt = files.filter((path) => path.startsWith('prebuilt/') && path.endsWith('.node'));
  needed.push(...prebuilt.map((path) => path.replace(/[^/]+$/, 'THIRD-PARTY-NOTICES.txt')));
  return [...tests, ...needed.filter((path) => !files.includes(path)).map((path) => `no ${path}`)];
}

function tarballName({ name, version }) {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
}
