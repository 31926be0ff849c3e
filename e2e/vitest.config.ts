import { krunDriver } from '@microsandbox/runtime';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { testConfig } from '../vitest.base.ts';

/** Says that the suite runs on libkrun, or why it does not. */
const KRUN = 'src/krun.test.ts';
/** What libkrun has no part in: the words of QEMU, and examples that need no monitor of their own. */
const QEMU_ONLY = ['src/boot-failures.test.ts', 'src/examples.test.ts', 'src/kill-torture.test.ts'];

const krun = await krunDriver.probe({ env: {} });

/** The suite on one monitor. */
function suite(monitor: 'qemu' | 'krun', files: NonNullable<ViteUserConfig['test']>): ViteUserConfig {
  return testConfig(
    monitor,
    {
      // Virtual machines are emulated on small machines: one file at a time, generous limits.
      fileParallelism: false,
      testTimeout: 180_000,
      hookTimeout: 300_000,
      env: { MSB_VMM: monitor },
      ...files,
    },
    // The packages under test are the packed ones, so nothing may resolve to sources.
    { sources: false },
  );
}

const globalSetup = ['src/support/global-setup.ts'];
const include = ['src/**/*.test.ts'];

// Both monitors, one suite: all of it runs on QEMU, and on libkrun too where its probe says that it can.
export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    fileParallelism: false,
    projects: [
      suite('qemu', { globalSetup, include, exclude: [KRUN] }),
      krun.available
        ? suite('krun', { globalSetup, include, exclude: QEMU_ONLY })
        : suite('krun', { include: [KRUN] }),
    ],
  },
});
