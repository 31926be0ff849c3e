import { testConfig } from '../vitest.base.ts';

/** Tests that decide themselves how their sandboxes come to life; one run of them is enough. */
const OF_ONE_RUN = ['src/boot-failures.test.ts', 'src/warm-*.test.ts'];

// The packages under test are the packed ones, so nothing may resolve to sources. Virtual machines are emulated
// on small machines: one file at a time, generous limits. The whole suite runs twice: its sandboxes wake from
// templates, as they do by default, and they boot.
export default testConfig(
  'e2e',
  {
    globalSetup: ['src/support/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    projects: [
      { extends: true, test: { name: 'warm', provide: { boot: 'warm' } } },
      { extends: true, test: { name: 'cold', provide: { boot: 'cold' }, exclude: OF_ONE_RUN } },
    ],
  },
  { sources: false },
);
