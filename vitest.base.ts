import { defineConfig, type ViteUserConfig } from 'vitest/config';

const SOURCES = '@microsandbox/source';

/**
 * Test settings shared by every package. Packages resolve each other to their sources, so tests need no build,
 * unless `sources` is false; each run leaves a JSON report that `npm test` sums up.
 */
export function testConfig(
  name: string,
  overrides: NonNullable<ViteUserConfig['test']> = {},
  { sources = true }: { readonly sources?: boolean } = {},
): ViteUserConfig {
  const conditions = [...(sources ? [SOURCES] : []), 'module', 'node', 'import', 'default'];
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: {
      name,
      include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
      passWithNoTests: true,
      testTimeout: 30_000,
      reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
      ...overrides,
    },
  });
}
