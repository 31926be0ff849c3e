import { defineConfig, type Options } from 'tsup';
import { libraryConfig } from '../../tsup.base.ts';
import { thirdPartyNotices } from '../../tsup.notices.ts';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const library = libraryConfig();

/** A program of its own: one file, so that its start is not spent on finding and reading modules. */
function program(name: string, entry: string, plugins: Plugin[] = []): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: { [name]: entry },
    format: ['cjs'],
    target: 'node22',
    platform: 'node',
    shims: true,
    minify: true,
    // Everything but better-sqlite3, which finds its binary beside its own files.
    noExternal: [/^(?!better-sqlite3)/],
    esbuildOptions(options) {
      options.conditions = ['@microsandbox/source', 'node', 'import', 'module', 'default'];
      // As require(): the loader of ES modules would have to be started first.
      options.supported = { 'dynamic-import': false };
    },
    esbuildPlugins: [...plugins, thirdPartyNotices],
  });
}

/**
 * What the sandbox process loads once its monitor runs is a file of its own, so that nothing of it is in the way.
 * Nor are packages that are loaded late by code that does not run here: a bundler keeps them whole.
 */
const serveApart: Plugin = {
  name: 'serve-apart',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ importer, kind, path }) => {
      if (kind !== 'dynamic-import') return undefined;
      if (path === './serve.ts') return { path: './sandbox-process-serve.cjs', external: true };
      return importer.includes('/packages/runtime/src/') ? undefined : { path, external: true };
    });
  },
};

/** umzug brings a command line of its own with half a megabyte of parsers; nothing here ever starts it. */
const withoutUmzugCommandLine: Plugin = {
  name: 'without-umzug-command-line',
  setup(build) {
    build.onResolve({ filter: /^@rushstack\/ts-command-line$/ }, () => ({ path: 'none', namespace: 'none' }));
    build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({
      contents: 'module.exports = new Proxy({}, { get: () => class {} });',
    }));
  },
};

export default [
  library,
  program('sandbox-process', 'src/process/main.ts', [serveApart]),
  program('sandbox-process-serve', 'src/process/serve.ts', [withoutUmzugCommandLine]),
  program('template-maker', 'src/warm/maker.ts'),
  program('krun-machine', 'src/krun/machine-process.ts'),
];
