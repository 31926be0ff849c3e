// Puts in place what a fresh clone lacks: npm packages, Debian packages, and a check for Rust.
import { installDependencies } from './lib/dependencies.mjs';
import { fail, run } from './lib/run.mjs';
import { installSystemPackages } from './lib/system-packages.mjs';

export async function setUp({ tests }) {
  await installDependencies();
  await installSystemPackages({ tests });
  const cargo = await run('cargo', ['--version'], { capture: true, quiet: true }).catch(() => ({
    code: 127,
  }));
  if (cargo.code !== 0) fail('cargo was not found; install Rust 1.88 or newer (https://rustup.rs)');
}

if (import.meta.filename === process.argv[1]) await setUp({ tests: true });
