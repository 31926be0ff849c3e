import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type IsolatedHome,
  initIsolatedHome,
  type LocalRegistry,
  runCommand,
  startLocalRegistry,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushBusybox } from './support/busybox.ts';
import { consumer } from './support/consumer.ts';
import { allowPlainHttp } from './support/host-config.ts';

let home: IsolatedHome;
let registry: LocalRegistry;
let reference: string;

beforeAll(async () => {
  home = await initIsolatedHome();
  registry = await startLocalRegistry();
  reference = await pushBusybox(registry);
  await allowPlainHttp(home.path, registry.host);
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const body = (name: string) => `
  const sandbox = await Sandbox.builder('${name}').image(process.argv[2]).ephemeral(true).create();
  const { code } = await sandbox.shell('exit 7');
  await sandbox.stop();
  console.log('exit code ' + code);
`;

const programs = {
  'esm.mjs': `import { Sandbox } from 'microsandbox';\n${body('esm')}`,
  'cjs.cjs': `const { Sandbox } = require('microsandbox');\n(async () => {${body('cjs')}})();`,
};

describe('the packed SDK in an empty project', () => {
  it.each(Object.entries(programs))('works in %s', async (file, source) => {
    await writeFile(join(consumer, file), source);
    const result = await runCommand(process.execPath, [file, reference], { cwd: consumer, env: home.env });
    expect(result.stderr).toBe('');
    expect(result.stdout.toString()).toBe('exit code 7\n');
    expect(result.code).toBe(0);
  });
});
