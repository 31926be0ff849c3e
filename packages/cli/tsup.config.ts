import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Options } from 'tsup';
import { thirdPartyNotices } from '../../tsup.notices.ts';

// Starting up is most of what a short command does, so the command is built of few files, each bundled whole.
// `dist/msb.cjs` finds the command and lists sandboxes; every `import()` in it and in the others loads another file.
// CommonJS, because `require` takes half the time that `import()` does.

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * Loaded from its own folder, for it is a binary with little around it. Packages with binaries are dependencies of this
 * package, so that they are found beside the built command.
 */
const KEYRING = '@napi-rs/keyring';

/** Packages whose code ends up in the command. */
const PACKAGES = [
  'cli',
  'sdk',
  'runtime',
  'network',
  'image',
  'db',
  'migration',
  'protocol',
  'utils',
  'native',
  'types',
];

/** Every file that one of our packages imports by `import()`, by name. */
function lazyFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const source of PACKAGES.flatMap(sourcesOf)) {
    for (const [, specifier = ''] of readFileSync(source, 'utf8').matchAll(
      /\bimport\('((?:\.|@microsandbox\/)[^']+)'\)/g,
    )) {
      const path = specifier.startsWith('.') ? join(dirname(source), specifier) : packageSource(specifier);
      files.set(fileName(path), path);
    }
  }
  return files;
}

/** The sandbox process is a program of its own, which the runtime brings along. */
function sourcesOf(name: string): string[] {
  return readdirSync(`../${name}/src`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('process/'))
    .map((file) => join('..', name, 'src', file));
}

/** `@microsandbox/image` → `../image/src/index.ts`; `@microsandbox/image/lookup` → `../image/src/lookup.ts`. */
function packageSource(specifier: string): string {
  const [, name = '', entry = 'index'] = specifier.split('/');
  return `../${name}/src/${entry}.ts`;
}

/** `../types/src/index.ts` → `types`; `../cli/src/actions/index.ts` → `actions`; else the file's own name. */
function fileName(path: string): string {
  const name = basename(path, '.ts');
  if (name !== 'index') return name;
  const folder = dirname(path);
  return basename(basename(folder) === 'src' ? dirname(folder) : folder);
}

/** Modules that are slow to load and that a command may not need after all, each with the names that it exports. */
const SLOW_MODULES = {
  './better-sqlite3.cjs': [],
  ...Object.fromEntries(
    ['child_process', 'crypto', 'fs/promises', 'net', 'timers/promises'].map((name) => [
      name,
      Object.keys(createRequire(import.meta.url)(name)),
    ]),
  ),
};

/**
 * A `require` that loads a slow module when something of it is used. The bundler writes every use of an import as a
 * property access or a construction, so a proxy is enough. An `import()` and a default import copy what a module has,
 * by getters, so the proxy knows the names. The clock is the one that is there from the start; `performance` would be
 * loaded.
 */
const LAZY_REQUIRE = `require = ((load, slow) => Object.assign(
  (id, names = slow[id.replace('node:', '')]) => names === undefined ? load(id) : new Proxy(function () {}.bind(), {
    get: (_, key) => load(id)[key],
    construct: (_, args) => Reflect.construct(load(id), args),
    ownKeys: () => names,
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  }),
  load,
))(require, ${JSON.stringify(SLOW_MODULES)});
const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;
const __now = () => { const [s, ns] = process.hrtime(); return s * 1e3 + ns / 1e6; };`;

/** An `import()` of one of our files stays one, of a file beside. */
const lazyFilesOutside: Plugin = {
  name: 'lazy-files-outside',
  setup(build) {
    build.onResolve({ filter: /^(\.|@microsandbox\/)/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || importer.includes('node_modules')) return undefined;
      const source = path.startsWith('.') ? path : packageSource(path);
      return { path: `./${fileName(source)}.cjs`, external: true };
    });
  },
};

/**
 * Several files check data by schemas, and setting the library up takes longer than loading it. A command uses a schema
 * once or twice, which is too little for code that the library writes for each.
 */
const oneSchemaLibrary: Plugin = {
  name: 'one-schema-library',
  setup(build) {
    build.onResolve({ filter: /^zod$/ }, () => ({ path: './zod.cjs', external: true }));
    build.onLoad({ filter: /node_modules\/zod\/index\.js$/ }, () => ({
      contents: `
        import * as z from './v4/classic/external.js';
        export * from './v4/classic/external.js';
        export { z };
        z.config({ jitless: true });
      `,
    }));
    // Its messages in fifty languages, of which one is used and loaded by itself.
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({ contents: '' }));
  },
};

/**
 * SQLite's JavaScript in one file instead of a dozen, each of which Node would look for. Its binary stays where the
 * package is. One copy, because the binary throws the errors of who used it first.
 */
const oneSqliteLibrary: Plugin = {
  name: 'one-sqlite-library',
  setup(build) {
    build.onResolve({ filter: /^better-sqlite3$/ }, ({ path, kind }) => ({
      path: kind === 'require-resolve' ? path : './better-sqlite3.cjs',
      external: true,
    }));
    build.onLoad({ filter: /better-sqlite3\/lib\/binding\.js$/ }, ({ path }) => ({
      contents: `const lib = require('path').dirname(require.resolve('better-sqlite3'));
        ${readFileSync(path, 'utf8').replaceAll('__dirname', 'lib')}`,
    }));
  },
};

/**
 * Of undici only what `packages/image/src/registry/http-client.ts` uses: all of it takes 30 ms to set up. Its client of
 * HTTP/2, which that file turns off, would load Node's: another 10 ms before the first request.
 */
const undiciForRequests: Plugin = {
  name: 'undici-for-requests',
  setup(build) {
    build.onLoad({ filter: /node_modules\/undici\/index\.js$/ }, () => ({
      contents: `
        require('./lib/dispatcher/dispatcher').prototype.request = require('./lib/api/api-request');
        exports.Agent = require('./lib/dispatcher/agent');
        exports.EnvHttpProxyAgent = require('./lib/dispatcher/env-http-proxy-agent');
      `,
    }));
    build.onLoad({ filter: /undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({ contents: '' }));
  },
};

/** umzug has a command line of its own, and with it most of a megabyte that nobody here calls. */
const umzugWithoutCommandLine: Plugin = {
  name: 'umzug-without-command-line',
  setup(build) {
    build.onResolve({ filter: /^\.\/cli$/ }, ({ importer }) =>
      importer.includes('umzug') ? { path: 'cli', namespace: 'empty' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: '' }));
  },
};

const options: Options = {
  format: ['cjs'],
  outExtension: () => ({ js: '.cjs' }),
  target: 'node22',
  platform: 'node',
  splitting: false,
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: false,
  dts: false,
  // Everything is bundled; only native code stays outside.
  noExternal: [new RegExp(`^(?!${KEYRING}$)`)],
  external: [KEYRING],
  banner: { js: LAZY_REQUIRE },
  define: { 'import.meta.url': '__importMetaUrl', 'performance.now': '__now' },
  esbuildPlugins: [
    lazyFilesOutside,
    oneSchemaLibrary,
    oneSqliteLibrary,
    undiciForRequests,
    umzugWithoutCommandLine,
    thirdPartyNotices,
  ],
  esbuildOptions(esbuild) {
    // From the sources of the other packages: only so is what nobody uses left out.
    esbuild.conditions = ['@microsandbox/source', 'module'];
    esbuild.supported = { ...esbuild.supported, 'dynamic-import': false };
  },
};

// One build for each file: in a common one, what one file loads late would be kept whole in all of them.
export default defineConfig(({ outDir = 'dist' }) => {
  rmSync(outDir, { recursive: true, force: true });
  const files = {
    msb: 'src/index.ts',
    zod: fileURLToPath(import.meta.resolve('zod')),
    'better-sqlite3': fileURLToPath(import.meta.resolve('better-sqlite3')),
    ...Object.fromEntries(lazyFiles()),
  };
  return Object.entries(files).map(([name, path]) => ({ ...options, outDir, entry: { [name]: path } }));
});
