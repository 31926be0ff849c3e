import { testConfig } from '../vitest.base.ts';

// The packages under test are the packed ones, so nothing may resolve to sources. Virtual machines are emulated
// on small machines: one file at a time, generous limits.
export default testConfig(
  'e2e',
  {
    globalSetup: ['src/support/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
  { sources: false },
);
