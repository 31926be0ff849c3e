import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type IsolatedHome, mustRun } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';
import { expectNoProcessOf, pathsNaming, processesNaming } from './support/leftovers.ts';

const { Sandbox, Image, MicrosandboxError } = await importSdk();

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, reference } = made);
});

afterAll(() => made[Symbol.asyncDispose]());

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a sandbox from create to remove', () => {
  const name = 'life';
  let sandbox: SandboxType;

  it('boots from a registry and says which VMM it took and why', async () => {
    sandbox = await Sandbox.builder(name).image(reference).create();
    expect(sandbox.boot?.vmm.driver).toMatch(/^(qemu|krun)$/);
    expect(sandbox.boot?.vmm.reason).not.toBe('');
    const listed = await Sandbox.list();
    expect(listed.sandboxes.map(({ name, status }) => ({ name, status }))).toEqual([
      { name, status: 'running' },
    ]);
  });

  it('gives the exit code and keeps standard error apart', async () => {
    const output = await sandbox.shell('echo out; echo err >&2; exit 7');
    expect(output.code).toBe(7);
    expect(output.stdout()).toBe('out\n');
    expect(output.stderr()).toBe('err\n');
  });

  it('gives programs the environment of the image', async () => {
    expect((await sandbox.shell('echo $FROM_IMAGE')).stdout()).toBe('yes\n');
  });

  it('says why a program did not start', async () => {
    await expect(sandbox.exec('/no/such/program')).rejects.toMatchObject({
      code: 'execFailed',
      failure: { kind: 'not_found', errnoName: 'ENOENT' },
    });
  });

  it('carries 1 MiB through cat and back unchanged', async () => {
    const sent = randomBytes(1024 * 1024);
    const output = await sandbox.execWith('cat', (options) => options.stdinBytes(sent));
    expect(output.code).toBe(0);
    expect(sha256(output.stdoutBytes())).toBe(sha256(sent));
  });

  it('keeps what was written across stop and start, on a clean file system', async () => {
    await sandbox.shell('echo kept > /root/file');
    await sandbox.stop();
    const upper = join(home.path, 'sandboxes', name, 'upper.ext4');
    await mustRun('/usr/sbin/e2fsck', ['-fn', upper]);
    sandbox = await Sandbox.start(name);
    expect((await sandbox.shell('cat /root/file')).stdout()).toBe('kept\n');
  });

  it('notices a killed VMM, rejects what was pending, and starts again', async () => {
    const pending = sandbox.exec('sleep', ['60']);
    const settled = pending.then(
      () => null,
      (error: unknown) => error,
    );
    await expect
      .poll(async () => (await sandbox.shell('pidof sleep')).stdout(), { timeout: 20_000 })
      .not.toBe('');
    const [vmm] = await processesNaming(join(home.path, 'sandboxes', name, 'upper.ext4'));
    expect(vmm, 'a VMM process names the sandbox disk').toBeDefined();
    process.kill(vmm as number, 'SIGKILL');
    const error = await settled;
    expect(error).toBeInstanceOf(MicrosandboxError);
    await expect.poll(async () => (await Sandbox.get(name)).status, { timeout: 20_000 }).toBe('crashed');
    sandbox = await Sandbox.start(name);
    expect((await sandbox.shell('cat /root/file')).stdout()).toBe('kept\n');
  });

  it('leaves no file, process or row after remove', async () => {
    await sandbox.stop();
    await Sandbox.remove(name);
    expect((await Sandbox.list()).sandboxes).toEqual([]);
    expect(await pathsNaming(home.path, `sandboxes/${name}`, '.sock')).toEqual([]);
    expect(await processesNaming(join(home.path, 'sandboxes', name))).toEqual([]);
    await expectNoProcessOf(home.path);
    await expect(Sandbox.get(name)).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });
});

describe('one cached image', () => {
  it('serves two sandboxes at once, which do not see each other', async () => {
    const create = (name: string) => Sandbox.builder(name).image(reference).pullPolicy('never').create();
    const [one, two] = await Promise.all([create('one'), create('two')]);
    try {
      await one.shell('echo one > /root/who');
      await two.shell('echo two > /root/who');
      const [first, second] = await Promise.all([one.shell('cat /root/who'), two.shell('cat /root/who')]);
      expect([first.stdout(), second.stdout()]).toEqual(['one\n', 'two\n']);
    } finally {
      await Promise.all([one.stop(), two.stop()]);
      await Sandbox.remove('one');
      await Sandbox.remove('two');
    }
  });

  it('is a valid EROFS in every layer', async () => {
    const layers = join(home.path, 'cache/layers');
    const images = (await readdir(layers)).filter((file) => file.endsWith('.erofs'));
    expect(images.length).toBeGreaterThan(0);
    for (const image of images) await mustRun('fsck.erofs', [join(layers, image)]);
    expect((await Image.list()).map(({ reference }) => reference)).toEqual([reference]);
  });
});

describe('a name that is taken', () => {
  it('is refused with the way out, and replaced on request', async () => {
    await using first = await Sandbox.builder('taken').image(reference).create();
    expect(first.name).toBe('taken');
    await expect(Sandbox.builder('taken').image(reference).create()).rejects.toMatchObject({
      code: 'sandboxAlreadyExists',
      message: expect.stringContaining("sandbox 'taken' already exists"),
    });
    await using second = await Sandbox.builder('taken').image(reference).replace().create();
    expect((await second.exec('true')).code).toBe(0);
  });
});
