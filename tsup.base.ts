import { defineConfig, type Options } from 'tsup';

/** ESM, CommonJS and type declarations of one library package, from `src/index.ts`. */
export function libraryConfig(overrides: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    target: 'node22',
    platform: 'node',
    dts: true,
    shims: true,
    clean: true,
    sourcemap: true,
    esbuildOptions(esbuild) {
      // The sources are packed beside the maps.
      esbuild.sourcesContent = false;
    },
    ...overrides,
  });
}
