import { krunDriver } from '@microsandbox/runtime';
import type { ProvidedContext } from 'vitest';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { testConfig } from '../vitest.base.ts';

/** Says that the suite runs on libkrun, or why it does not. */
const KRUN = 'src/krun.test.ts';
/** What decides itself how its sandboxes come to life, or needs no sandbox; one run of it is enough. */
const OF_ONE_RUN = [
  'src/boot-failures*.test.ts',
  'src/copy.test.ts',
  'src/detach.test.ts',
  'src/disk-full.test.ts',
  'src/documents.test.ts',
  'src/heartbeat.test.ts',
  'src/kill-torture.test.ts',
  'src/log-flood.test.ts',
  'src/machine-restart.test.ts',
  'src/network-*.test.ts',
  'src/oldest-node.test.ts',
  'src/reference-client.test.ts',
  'src/share-workloads.test.ts',
  'src/terminal.test.ts',
  'src/warm-*.test.ts',
];
/** What waits for a minute to pass; only `npm run torture` does. */
const CLOCK = process.env['MSB_TORTURE_CLOCK'] === '1' ? [] : ['src/clock.test.ts'];
/** What libkrun has no part in: the words of QEMU, and examples that need no monitor of their own. */
const QEMU_ONLY = [...OF_ONE_RUN, ...CLOCK, 'src/examples.test.ts'];

const krun = await krunDriver.probe({ env: {} });

/** The suite in one form. */
function suite(
  name: string,
  provide: Pick<ProvidedContext, 'boot' | 'monitor'>,
  files: NonNullable<ViteUserConfig['test']>,
): ViteUserConfig {
  return testConfig(
    name,
    {
      // Virtual machines are emulated on small machines: one file at a time, generous limits.
      fileParallelism: false,
      testTimeout: 180_000,
      hookTimeout: 300_000,
      // Whole machines on a host that may be busy: a second try decides, and `npm test` names each test that needed it.
      retry: 1,
      provide,
      ...files,
    },
    // The packages under test are the packed ones, so nothing may resolve to sources.
    { sources: false },
  );
}

const globalSetup = ['src/support/global-setup.ts'];
const include = ['src/**/*.test.ts'];

// One suite: its sandboxes wake from templates, then they boot, and where libkrun can run Linux they run on it too.
export default defineConfig({
  test: {
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
    fileParallelism: false,
    projects: [
      suite('warm', { boot: 'warm', monitor: 'qemu' }, { globalSetup, include, exclude: [KRUN, ...CLOCK] }),
      suite(
        'cold',
        { boot: 'cold', monitor: 'qemu' },
        { globalSetup, include, exclude: [KRUN, ...OF_ONE_RUN, ...CLOCK] },
      ),
      suite(
        'krun',
        { boot: 'cold', monitor: 'krun' },
        krun.available ? { globalSetup, include, exclude: QEMU_ONLY } : { include: [KRUN] },
      ),
    ],
  },
});
