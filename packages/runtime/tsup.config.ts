import { defineConfig } from 'tsup';
import { libraryConfig } from '../../tsup.base.ts';

const library = libraryConfig();

/** The sandbox process: one file, so that its start is not spent on finding and reading modules. */
const sandboxProcess = defineConfig({
  entry: { 'sandbox-process': 'src/process/main.ts' },
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

export default [library, sandboxProcess];
