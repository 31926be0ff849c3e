import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { defineConfig, type Options } from 'tsup';

// Starting up is most of what a short command does, so the command is built of few files, each bundled whole.
// `dist/msb.cjs` finds the command and lists sandboxes; every `import()` in it and in the others loads another file.
// CommonJS, because `require` takes half the time that `import()` does.

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/** Packages with binaries; dependencies of this package, so that they are found beside the built command. */
const NATIVE_PACKAGES = ['better-sqlite3', '@napi-rs/keyring'];

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
      const path = specifier.startsWith('.')
        ? join(dirname(source), specifier)
        : `../${packageFolder(specifier)}/src/index.ts`;
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

/** `@microsandbox/types` → `types`. */
function packageFolder(specifier: string): string {
  return specifier.replace('@microsandbox/', '');
}

/** `../types/src/index.ts` → `types`; `../cli/src/actions/index.ts` → `actions`; else the file's own name. */
function fileName(path: string): string {
  const name = basename(path, '.ts');
  if (name !== 'index') return name;
  const folder = dirname(path);
  return basename(basename(folder) === 'src' ? dirname(folder) : folder);
}

/** Modules of Node's that are slow to load and that a command may not need after all. */
const SLOW_MODULES = ['child_process', 'crypto', 'fs/promises', 'net', 'timers/promises'].flatMap((name) => [
  name,
  `node:${name}`,
]);

/**
 * A `require` that loads a slow module when something of it is used. The bundler writes every use of an import as a
 * property access or a construction, so a proxy is enough. An `import()` copies what a module has, so there a proxy
 * must know that too; better-sqlite3 is only imported at the top, and copied without being used. The clock is the one
 * that is there from the start; `performance` would be loaded.
 */
const LAZY_REQUIRE = `require = ((load, slow) => Object.assign(
  (id) => !slow.has(id) ? load(id) : new Proxy(function () {}.bind(), {
    get: (_, key) => load(id)[key],
    construct: (_, args) => Reflect.construct(load(id), args),
    ...(id !== 'better-sqlite3' && {
      ownKeys: () => Reflect.ownKeys(load(id)),
      getOwnPropertyDescriptor: (_, key) => ({ ...Reflect.getOwnPropertyDescriptor(load(id), key), configurable: true }),
    }),
  }),
  load,
))(require, new Set(${JSON.stringify([...SLOW_MODULES, 'better-sqlite3'])}));
const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;
const __now = () => { const [s, ns] = process.hrtime(); return s * 1e3 + ns / 1e6; };`;

/** An `import()` of one of our files stays one, of a file beside. */
const lazyFilesOutside: Plugin = {
  name: 'lazy-files-outside',
  setup(build) {
    build.onResolve({ filter: /^(\.|@microsandbox\/)/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || importer.includes('node_modules')) return undefined;
      return { path: `./${fileName(path)}.cjs`, external: true };
    });
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
  noExternal: [new RegExp(`^(?!(${NATIVE_PACKAGES.join('|')})$)`)],
  external: NATIVE_PACKAGES,
  banner: { js: LAZY_REQUIRE },
  define: { 'import.meta.url': '__importMetaUrl', 'performance.now': '__now' },
  esbuildPlugins: [lazyFilesOutside, umzugWithoutCommandLine],
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
    ...Object.fromEntries(lazyFiles()),
  };
  return Object.entries(files).map(([name, path]) => ({ ...options, outDir, entry: { [name]: path } }));
});
