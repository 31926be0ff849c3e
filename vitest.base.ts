import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['@microsandbox/source', 'module', 'node', 'import', 'default'];

/**
 * Test settings shared by every package. Packages resolve each other to their sources,
 * so tests need no build; each run leaves a JSON report that `npm test` sums up.
 */
export function testConfig(
  name: string,
  overrides: NonNullable<ViteUserConfig['test']> = {},
): ViteUserConfig {
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
