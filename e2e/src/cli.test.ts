import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type IsolatedHome, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, msb } from './support/consumer.ts';
import { expectNoProcessOf } from './support/leftovers.ts';

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, reference } = made);
  // A word about slow machines comes once for each home; here it is of no interest.
  await run(['run', reference, '--', 'true']);
});

afterAll(() => made[Symbol.asyncDispose]());

const run = (args: readonly string[], input?: Uint8Array | string) =>
  msb(args, { env: home.env, ...(input === undefined ? {} : { input }) });

it('run exits with the code of the command, and keeps the streams apart', async () => {
  const result = await run(['run', reference, '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  expect(result.stdout.toString()).toBe('out\n');
  expect(result.stderr).toBe('err\n');
  expect(result.code).toBe(7);
});

it('run passes standard input through, byte for byte', async () => {
  const sent = randomBytes(256 * 1024);
  const result = await run(['run', '-q', reference, '--', 'sha256sum'], sent);
  expect(result.stdout.toString()).toContain(createHash('sha256').update(sent).digest('hex'));
  expect(result.code).toBe(0);
});

it('run leaves nothing behind', async () => {
  const listed = await run(['ls']);
  expect(listed.stdout.toString()).toBe('');
  expect(listed.stderr).toBe('No sandboxes found.\n');
  await expectNoProcessOf(home.path);
});

it('output that cannot be written is told as what it is', async () => {
  const program = join(consumer, 'node_modules/.bin/msb');
  const result = await runCommand('sh', ['-c', '"$0" version > /dev/full', program], { env: home.env });
  expect(result).toMatchObject({ code: 1, stderr: 'error: standard output: no space left\n' });
});

it('run says that a program is missing and exits with 127', async () => {
  const result = await run(['run', '-q', reference, '--', 'no-such-program']);
  expect(result.stderr).toContain('error: failed to exec "no-such-program"');
  expect(result.stderr).toContain('not found');
  expect(result.code).toBe(127);
});

it('create takes all resources and profiles, and says which of them has no effect yet', async () => {
  const flags = '--max-cpus 2 --max-memory 768M --thp never --deployment-profile multi-tenant';
  const created = await run([
    'create',
    '-n',
    'sized',
    ...flags.split(' '),
    '--cpu-placement',
    'spread',
    reference,
  ]);
  expect(created.stderr).toContain("warn: CPU placement 'spread' is stored");
  expect(created.code).toBe(0);
  const inspected = JSON.parse((await run(['inspect', 'sized', '--format', 'json'])).stdout.toString());
  expect(inspected.config).toMatchObject({
    resources: { max_cpus: 2, max_memory_mib: 768, cpu_placement: 'spread', thp: 'never' },
    deployment_profile: 'multi_tenant',
  });
  await run(['rm', '-f', 'sized']);
});

it('create refuses a placement profile that the host does not define', async () => {
  const refused = await run(['create', '-n', 'placed', '--placement-profile', 'fast', reference]);
  expect(refused.stderr).toContain('placement profile `fast` is not defined in runtime.placement_profiles');
  expect(refused.code).toBe(1);
  expect((await run(['ls', '-q'])).stdout.toString()).not.toContain('placed');
});

it('create, exec, ls, logs, stop, start and rm work on one sandbox', async () => {
  const created = await run(['create', '-n', 'web', reference]);
  expect(created.code).toBe(0);
  expect(created.stdout.toString()).toBe('');

  const executed = await run(['exec', 'web', '--', 'sh', '-c', 'echo hello; echo 1 > /root/file']);
  expect(executed.stdout.toString()).toBe('hello\n');

  const listed = await run(['ls', '--format', 'json']);
  expect(JSON.parse(listed.stdout.toString())).toMatchObject([
    { name: 'web', image: reference, status: 'Running' },
  ]);

  const logs = await run(['logs', 'web']);
  expect(logs.stdout.toString()).toContain('hello\n');

  expect((await run(['stop', 'web'])).stderr).toContain('Stopped');
  expect((await run(['start', 'web'])).stderr).toContain('Started');
  expect((await run(['exec', 'web', '--', 'cat', '/root/file'])).stdout.toString()).toBe('1\n');

  const removed = await run(['rm', 'web']);
  expect(removed.code).toBe(1);
  expect(removed.stderr).toContain("cannot remove sandbox 'web': still running");
  expect((await run(['rm', '-f', 'web'])).code).toBe(0);
  expect((await run(['ls', '-q'])).stdout.toString()).toBe('');
});

it('run takes a sandbox from files', async () => {
  const folder = await mkdtemp(join(home.path, 'files-'));
  const conf = join(folder, 'sandbox.yaml');
  await writeFile(
    conf,
    `image: ${reference}
memory: 256M
env: { GREETING: hello, NAME: "\${MSB_TEST_NAME}" }
workdir: /work
mounts: ["./shared:/work"]
scripts: { greet: "#!/bin/sh\\necho $GREETING $NAME from $PWD; echo kept > file\\n" }
network: { policy: none }
`,
  );
  await mkdir(join(folder, 'shared'));
  const env = { ...home.env, MSB_TEST_NAME: 'world' };
  const result = await msb(['run', '-q', '--conf', conf, '-e', 'GREETING=hi', '--', 'greet'], { env });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout.toString()).toBe('hi world from /work\n');
  expect(await readFile(join(folder, 'shared/file'), 'utf8')).toBe('kept\n');
  await writeFile(conf, 'image: x\nmemroy: 1G\n');
  const wrong = await msb(['run', '--conf', conf], { env });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`${conf}: line 2 column 1: memroy: unknown field`);
});

it('images lists what was pulled', async () => {
  const result = await run(['images', '--format', 'json']);
  expect(JSON.parse(result.stdout.toString())).toMatchObject([{ reference, os: 'linux', layer_count: 1 }]);
});
