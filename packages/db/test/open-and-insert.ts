/** Child process of the concurrency tests: opens the catalog of a home and adds sandboxes. */
import { homeLayout } from '@microsandbox/utils';
import { Catalog } from '../src/catalog.ts';
import { SandboxRepository } from '../src/sandbox-repository.ts';
import { sandboxConfig } from './sandbox-config.ts';

const [home = '', prefix = '', count = '0'] = process.argv.slice(2);
const catalog = await Catalog.open({ layout: homeLayout(home) });
const sandboxes = new SandboxRepository(catalog);
for (let index = 0; index < Number(count); index += 1) {
  await sandboxes.insert(sandboxConfig(`${prefix}-${index}`));
}
await catalog.close();
