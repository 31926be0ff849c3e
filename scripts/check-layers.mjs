// Checks that imports between packages point only up the layer table, and that this check itself works.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cruise } from 'dependency-cruiser';

const require = createRequire(import.meta.url);
const config = require('../.dependency-cruiser.cjs');

async function violationsIn(paths) {
  const { output } = await cruise(paths, { ruleSet: config, validate: true, ...config.options });
  return output.summary.violations;
}

const describe = ({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`;

const violations = await violationsIn(['packages', 'test-utils']);
for (const violation of violations) console.error(describe(violation));

// A wrong import must be caught: types importing the SDK.
const probe = 'packages/types/src/.layer-probe';
await mkdir(probe, { recursive: true });
await writeFile(`${probe}/probe.ts`, "import '../../../sdk/src/index.ts';\n");
const caught = await violationsIn([probe]).finally(() => rm(probe, { recursive: true }));
const probeCaught = caught.some(({ rule }) => rule.name === 'layer-types');
if (!probeCaught) console.error('the layer check did not catch an import from types to sdk');

process.exitCode = violations.length > 0 || !probeCaught ? 1 : 0;
if (process.exitCode === 0) console.log('layers: every import points up the table');
