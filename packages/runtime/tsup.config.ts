import { defineConfig } from 'tsup';
import { libraryConfig } from '../../tsup.base.ts';

const library = libraryConfig();

/** Programs of their own: one file each, so that their start is not spent on finding and reading modules. */
const programs = defineConfig({
  entry: { 'sandbox-process': 'src/process/main.ts', 'krun-machine': 'src/krun/machine-process.ts' },
  format: ['cjs'],
  target: 'node22',
  platform: 'node',
  shims: true,
  minify: true,
  // Everything but better-sqlite3, which finds its binary beside its own files.
  noExternal: [/^(?!better-sqlite3)/],
  esbuildOptions(options) {
    options.conditions = ['@microsandbox/source', 'node', 'import', 'module', 'default'];
  },
});

export default [library, programs];
