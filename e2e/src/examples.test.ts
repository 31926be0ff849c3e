import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runCommand, startLocalRegistry } from '@microsandbox/test-utils';
import { expect, it } from 'vitest';
import { pushBusybox } from './support/busybox.ts';
import { consumer } from './support/consumer.ts';
import { allowPlainHttp } from './support/host-config.ts';
import { initTestHome } from './support/test-home.ts';

const examples = resolve(import.meta.dirname, '../../examples');

it('run-untrusted.mjs shows code, output and errors of a script', async () => {
  await using home = await initTestHome();
  await using registry = await startLocalRegistry();
  const reference = await pushBusybox(registry);
  await allowPlainHttp(home.path, registry.host);
  await copyFile(join(examples, 'run-untrusted.mjs'), join(consumer, 'run-untrusted.mjs'));
  const result = await runCommand(process.execPath, ['run-untrusted.mjs', reference], {
    cwd: consumer,
    env: home.env,
  });
  expect(result.stdout.toString()).toBe(
    'exit code 7\nstandard output: I am root on Linux\nstandard error: oops\n',
  );
  expect(result.code).toBe(0);
});
