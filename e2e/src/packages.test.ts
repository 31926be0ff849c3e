import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type IsolatedHome, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer } from './support/consumer.ts';

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, reference } = made);
});

afterAll(() => made[Symbol.asyncDispose]());

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
