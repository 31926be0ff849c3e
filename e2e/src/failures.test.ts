import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildTestImage,
  type CommandResult,
  findProgram,
  freePort,
  type IsolatedHome,
  type LocalRegistry,
  mustRun,
  pushImage,
  runCommand,
  tarFolder,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { msb } from './support/consumer.ts';
import { allowPlainHttp } from './support/host-config.ts';

let made: BusyboxHome;
let home: IsolatedHome;
let registry: LocalRegistry;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, registry, reference } = made);
});

afterAll(() => made[Symbol.asyncDispose]());

/** One `error:` line, perhaps with indented reasons and hints; no stack trace; not exit code 0. */
function expectReadableFailure(result: CommandResult): void {
  const lines = result.stderr.split('\n').filter((line) => line !== '' && !/^ {3}[✗✓]/.test(line));
  expect(lines[0], result.stderr).toMatch(/^error: /);
  for (const line of lines.slice(1)) expect(line).toMatch(/^ {2}→ /);
  expect(result.stderr).not.toMatch(/\n\s+at .*\.[cm]?[jt]s:\d+/);
  expect(result.code).not.toBe(0);
}

async function expectNextCommandWorks(): Promise<void> {
  const result = await msb(['ls'], { env: home.env });
  expect(result.code).toBe(0);
}

/** File of a blob in the registry's storage. */
async function blobFile(digest: string): Promise<string> {
  const hex = digest.slice('sha256:'.length);
  return join(registry.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
}

async function pushSmallImage(repository: string) {
  const folder = join(home.path, `src-${repository}`);
  await mkdir(folder);
  await writeFile(join(folder, 'file'), `${repository} `.repeat(100_000));
  const image = buildTestImage({ layers: [await tarFolder(folder)] });
  return { image, reference: await pushImage({ registry, repository, tag: 'latest', image }) };
}

describe('a failed pull', () => {
  it('of an unknown image names it', async () => {
    const result = await msb(['pull', `${registry.host}/no/such-image`], { env: home.env });
    expectReadableFailure(result);
    expect(result.stderr).toContain('no/such-image');
    await expectNextCommandWorks();
  });

  it('from a registry that is down names the host and the reason', async () => {
    const port = await freePort();
    const result = await msb(['pull', '--insecure', `127.0.0.1:${port}/library/x`], { env: home.env });
    expectReadableFailure(result);
    expect(result.stderr).toContain(`127.0.0.1:${port}`);
    expect(result.stderr).toMatch(/ECONNREFUSED|refused/);
    await expectNextCommandWorks();
  });

  it('of a blob with other bytes says so, and works once the registry is sound', async () => {
    const { image, reference } = await pushSmallImage('wrong');
    const file = await blobFile(image.layers[0]?.digest ?? '');
    const sound = await readFile(file);
    const damaged = Buffer.from(sound);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 0xff;
    await writeFile(file, damaged);
    const result = await msb(['pull', reference], { env: home.env });
    expectReadableFailure(result);
    expect(result.stderr).toContain('digest mismatch');
    await writeFile(file, sound);
    expect((await msb(['pull', reference], { env: home.env })).code).toBe(0);
  });

  it('of a truncated layer says so, and works once the registry is sound', async () => {
    const { image, reference } = await pushSmallImage('short');
    const file = await blobFile(image.layers[0]?.digest ?? '');
    const sound = await readFile(file);
    await truncate(file, sound.length >> 1);
    const result = await msb(['pull', reference], { env: home.env });
    expectReadableFailure(result);
    await writeFile(file, sound);
    expect((await msb(['pull', reference], { env: home.env })).code).toBe(0);
  });

  it('for want of space says so', async (context) => {
    const mount = join(home.path, 'small');
    await mkdir(mount);
    const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    if (mounted.code !== 0) context.skip(`can't mount a tmpfs here: ${mounted.stderr.trim()}`);
    try {
      await allowPlainHttp(mount, registry.host);
      const env = { ...home.env, MSB_HOME: mount };
      const result = await msb(['pull', reference], { env });
      expectReadableFailure(result);
      expect(result.stderr).toMatch(/no space left/i);
      expect((await msb(['ls'], { env })).code).toBe(0);
    } finally {
      await mustRun('umount', [mount]);
    }
  });
});

describe('a sandbox that cannot start', () => {
  it('for want of a kernel says where it looked', async () => {
    const env = { ...home.env, MSB_LIBKRUNFW_PATH: '/nonexistent/libkrunfw.so' };
    const result = await msb(['run', '-q', reference, '--', 'true'], { env });
    expectReadableFailure(result);
    expect(result.stderr).toContain('/nonexistent/libkrunfw.so');
    await expectNextCommandWorks();
  });

  it('for want of QEMU says what to install', async () => {
    const bin = join(home.path, 'bin-without-qemu');
    await mkdir(bin);
    for (const name of ['node', 'sh', 'env']) {
      const program = name === 'node' ? process.execPath : await findProgram(name);
      if (program) await symlink(program, join(bin, name));
    }
    const env = { ...home.env, PATH: bin, MSB_VMM: 'qemu' };
    const result = await msb(['run', '-q', reference, '--', 'true'], { env });
    expectReadableFailure(result);
    expect(result.stderr).toMatch(/qemu-system/);
    expect(result.stderr).toMatch(/install/i);
    await expectNextCommandWorks();
  });

  it('because the name is taken says what to do', async () => {
    expect((await msb(['create', '-q', '-n', 'taken', reference], { env: home.env })).code).toBe(0);
    try {
      const result = await msb(['create', '-q', '-n', 'taken', reference], { env: home.env });
      expectReadableFailure(result);
      expect(result.stderr).toContain("sandbox 'taken' already exists; remove it");
    } finally {
      expect((await msb(['rm', '-f', 'taken'], { env: home.env })).code).toBe(0);
    }
  });

  it('leaves no folder without a row', async () => {
    const folders = await readdir(join(home.path, 'sandboxes')).catch(() => []);
    const listed = await msb(['ls', '-q'], { env: home.env });
    const names = listed.stdout.toString().split('\n').filter(Boolean);
    expect(folders.sort()).toEqual(names.sort());
  });
});
