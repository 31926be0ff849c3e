import { testConfig } from '../../vitest.base.ts';

export default testConfig('runtime', { globalSetup: ['test-support/build-bundle.ts'] });
