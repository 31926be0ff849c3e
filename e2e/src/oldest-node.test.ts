import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer } from './support/consumer.ts';
import { expectNoProcessOf } from './support/leftovers.ts';
import { installOldestNode, OLDEST_NODE } from './support/oldest-node.ts';

const installed = await installOldestNode();
const missing = 'missing' in installed ? installed.missing : null;
const node = 'path' in installed ? installed.path : '';

/** A program of a user who has no newer Node. */
const PROGRAM = `
import { Image, Sandbox } from 'microsandbox';
const [reference] = process.argv.slice(2);
console.log(process.versions.node);
const sandbox = await Sandbox.builder('old').image(reference).create();
try {
  await sandbox.fs().write('/tmp/a', 'through the file API');
  console.log((await sandbox.shell('cat /tmp/a')).stdout());
  console.log((await Image.list()).length);
} finally {
  await sandbox.stop();
}
await Sandbox.remove('old');
`;

describe.skipIf(missing)(`on Node ${OLDEST_NODE}${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let made: BusyboxHome;

  beforeAll(async () => {
    made = await startBusyboxHome();
  });

  afterAll(() => made[Symbol.asyncDispose]());

  const run = (...args: readonly string[]) =>
    runCommand(node, args, { cwd: consumer, env: made.home.env, timeoutMs: 120_000 });

  it('the SDK pulls, boots, writes and runs', async () => {
    const program = join(consumer, 'oldest-node.mjs');
    await writeFile(program, PROGRAM);
    const { code, stdout, stderr } = await run(program, made.reference);
    expect({ code, stdout: stdout.toString() }, stderr).toEqual({
      code: 0,
      stdout: `${OLDEST_NODE}\nthrough the file API\n1\n`,
    });
  });

  it('msb pulls, boots and runs, and leaves nothing behind', async () => {
    const msb = join(consumer, 'node_modules/@microsandbox/cli/bin/msb');
    expect(await run(msb, 'pull', '-q', '--force', made.reference)).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = await run(
      msb,
      'run',
      '-q',
      made.reference,
      '--',
      'sh',
      '-c',
      'echo hi; exit 7',
    );
    expect({ code, stdout: stdout.toString() }, stderr).toEqual({ code: 7, stdout: 'hi\n' });
    await expectNoProcessOf(made.home.path);
  });
});
