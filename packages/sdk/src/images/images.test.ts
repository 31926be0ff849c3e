import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTestImage, tarFolder, writeOciLayout } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import type { SandboxBuilder } from '../builders/sandbox-builder.ts';
import { Sandbox } from '../sandbox.ts';
import { Image } from './image.ts';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const here = <T>(body: () => Promise<T>): Promise<T> => withBackend(home.backend, body);

/** Makes a small image available under a reference; different `content`, different layer. */
async function given(reference: string, content = 'x', config: Readonly<Record<string, unknown>> = {}) {
  const folder = join(home.path, `tree-${content}`);
  await mkdir(join(folder, content), { recursive: true });
  const layout = join(home.path, `layout-${content}`);
  await writeOciLayout(layout, buildTestImage({ layers: [await tarFolder(folder)], config }), reference);
  return here(() => Image.importLayout(layout, { reference }));
}

const files = async (folder: string) =>
  (await readdir(join(home.layout.cacheDir, folder))).filter((name) => !name.endsWith('.lock'));

describe('Image', () => {
  it('of an OCI layout is found under its reference', async () => {
    const image = await given('localhost/one', 'x', { Cmd: ['sh'], Env: ['A=1'], WorkingDir: '/' });
    expect(image).toMatchObject({ reference: 'localhost/one', os: 'linux', layerCount: 1 });
    expect(await here(() => Image.get('localhost/one'))).toEqual(image);
    const { config, layers, handle } = await here(() => Image.inspect('localhost/one'));
    expect(config).toMatchObject({ cmd: ['sh'], env: ['A=1'], workingDir: '/', entrypoint: null });
    expect(layers).toMatchObject([{ position: 0 }]);
    expect(handle.sizeBytes).toBe(layers[0]?.compressedSizeBytes);
    expect((await here(() => Image.list())).map(({ reference }) => reference)).toEqual(['localhost/one']);
  });

  it('that is not there says so', async () => {
    for (const ask of [Image.get, Image.inspect, Image.remove]) {
      await expect(here(() => ask('none') as Promise<unknown>)).rejects.toMatchObject({
        code: 'imageNotFound',
        message: 'image not found: none',
      });
    }
    expect(existsSync(join(home.layout.cacheDir, 'layers'))).toBe(false);
  });

  it('goes with its files, and leaves what others need', async () => {
    await given('localhost/one');
    await given('localhost/two');
    await given('localhost/three', 'y');
    await here(() => Image.remove('localhost/one'));
    expect(await files('layers')).toHaveLength(2);
    await here(() => Image.remove('localhost/two'));
    expect(
      [await files('layers'), await files('vmdk'), await files('manifests')].map((l) => l.length),
    ).toEqual([1, 1, 1]);
    expect(await here(() => Image.prune())).toMatchObject({
      imageRefsRemoved: 1,
      manifestsRemoved: 1,
      layersRemoved: 1,
      fsmetaRemoved: 1,
      vmdkRemoved: 1,
      bytesReclaimed: expect.any(Number),
    });
    expect((await here(() => Image.prune())).bytesReclaimed).toBeNull();
    expect(await files('layers')).toEqual([]);
  });

  it('is not pulled when the policy says never', async () => {
    await expect(here(() => Image.pull('localhost/none', { pullPolicy: 'never' }))).rejects.toThrow(
      /not cached/,
    );
    await given('localhost/one');
    expect(await here(() => Image.pull('localhost/one', { pullPolicy: 'never' }))).toMatchObject({
      cached: true,
    });
  });
});

describe('image archives', () => {
  it.each(['docker', 'oci'] as const)('in %s form go out and come in again', async (format) => {
    await given('localhost/one:latest', 'x', { Cmd: ['sh'] });
    const archive = join(home.path, 'image.tar');
    await here(() => Image.save('localhost/one:latest', { outputPath: archive, format }));
    await here(() => Image.remove('localhost/one:latest'));
    const loaded = await here(() => Image.load(archive, { tag: 'localhost/two:latest' }));
    expect(loaded.map(({ reference }) => reference).sort()).toEqual([
      'localhost/one:latest',
      'localhost/two:latest',
    ]);
    expect((await here(() => Image.inspect('localhost/two:latest'))).config?.cmd).toEqual(['sh']);
  });

  it('say what is wrong', async () => {
    const outputPath = join(home.path, 'out.tar');
    await expect(here(() => Image.save([], { outputPath }))).rejects.toThrow(
      'at least one image reference is required',
    );
    await expect(here(() => Image.save('localhost/none', { outputPath }))).rejects.toMatchObject({
      code: 'imageNotFound',
    });
    await expect(here(() => Image.save('a', { outputPath, format: 'zip' as 'oci' }))).rejects.toThrow(
      "invalid archive format 'zip': expected 'docker' or 'oci'",
    );
    await expect(here(() => Image.load(home.disk))).rejects.toMatchObject({ code: 'image' });
    expect(existsSync(outputPath)).toBe(false);
  });
});

describe('a sandbox of an image', () => {
  const create = (configure = (b: SandboxBuilder) => b) =>
    here(() => configure(Sandbox.builder('box').image('localhost/one').pullPolicy('never')).create());
  const config = async () => JSON.parse((await here(() => Sandbox.get('box'))).configJson);

  it('takes over what the image brings, and pins it', async () => {
    await given('localhost/one', 'x', { Cmd: ['echo', 'hi'], Env: ['FROM_IMAGE=yes'], Labels: { a: 'b' } });
    await using sandbox = await create((b) => b.env('OWN', '1'));
    expect((await sandbox.execDefault()).stdout()).toBe('hi\n');
    expect((await sandbox.shell('echo $FROM_IMAGE $OWN')).stdout()).toBe('yes 1\n');
    expect(await config()).toMatchObject({
      image: { Oci: { reference: 'localhost/one', root_disk: { kind: 'managed', size_mib: 4096 } } },
      labels: { a: 'b' },
      mounts: [{ type: 'Tmpfs', guest: '/tmp', size_mib: 128 }],
      manifest_digest: (await here(() => Image.get('localhost/one'))).manifestDigest,
    });
    await expect(here(() => Image.remove('localhost/one'))).rejects.toMatchObject({ code: 'imageInUse' });
    expect((await here(() => Image.prune())).imageRefsRemoved).toBe(0);
  });

  it('writes to its own disk, which outlives a stop', async () => {
    await given('localhost/one');
    const sandbox = await create();
    const upper = join(home.layout.sandboxesDir, 'box', 'upper.ext4');
    expect((await stat(upper)).size).toBe(4096 * 1024 * 1024);
    await sandbox.stop();
    await (await here(() => Sandbox.start('box'))).stop();
    expect(existsSync(upper)).toBe(true);
  }, 60_000);

  it('has no disk when it writes to memory', async () => {
    await given('localhost/one');
    await using _sandbox = await create((b) => b.rootDisk((disk) => disk.tmpfs()));
    expect(await readdir(join(home.layout.sandboxesDir, 'box'))).not.toContain('upper.ext4');
    expect((await config()).image.Oci.root_disk).toEqual({ kind: 'tmpfs', size_mib: 256 });
  });

  it('does not start when its image was deleted', async () => {
    await given('localhost/one');
    await (await create()).stop();
    for (const file of await files('vmdk')) await rm(join(home.layout.cacheDir, 'vmdk', file));
    await expect(here(() => Sandbox.start('box'))).rejects.toThrow(
      "sandbox 'box' cannot start: VMDK missing:",
    );
    expect((await here(() => Sandbox.get('box'))).status).toBe('stopped');
  });

  it('leaves nothing behind when its image cannot be had', async () => {
    await expect(create()).rejects.toThrow(/not cached/);
    expect((await here(() => Sandbox.list())).sandboxes).toEqual([]);
    expect(existsSync(join(home.layout.sandboxesDir, 'box'))).toBe(false);
  });

  it('leaves nothing behind when its disk cannot be made', async () => {
    await given('localhost/one');
    const disk = join(home.path, 'none.raw');
    await expect(create((b) => b.rootDisk((d) => d.disk(disk)))).rejects.toThrow(
      `invalid config: root disk image not found: ${disk}`,
    );
    expect((await here(() => Sandbox.list())).sandboxes).toEqual([]);
    expect(existsSync(join(home.layout.sandboxesDir, 'box'))).toBe(false);
    await expect(here(() => Image.remove('localhost/one'))).resolves.toBeUndefined();
  });

  it('is stopped when its working directory is missing in the guest', async () => {
    await given('localhost/one');
    await expect(create((b) => b.workdir('/no/such'))).rejects.toThrow(
      'invalid config: workdir does not exist in guest: /no/such',
    );
    expect((await here(() => Sandbox.get('box'))).status).toBe('stopped');
  });

  it('tells of the pull while it is created', async () => {
    await given('localhost/one');
    const pulling = await here(() =>
      Sandbox.builder('box').image('localhost/one').pullPolicy('never').createWithPullProgress(),
    );
    const kinds: string[] = [];
    for await (const event of pulling) kinds.push(event.kind);
    expect(kinds).toEqual(['resolving', 'resolved', 'complete']);
    await using sandbox = await pulling.awaitSandbox();
    expect(sandbox.name).toBe('box');
    await expect(pulling.awaitSandbox()).rejects.toThrow('awaitSandbox already called');
  });

  it('ends the progress of a pull that failed, and tells why once asked', async () => {
    const pulling = await here(() =>
      Sandbox.builder('box').image('localhost/none').pullPolicy('never').createWithPullProgress(),
    );
    for await (const _event of pulling.progress);
    await expect(pulling.awaitSandbox()).rejects.toThrow(/not.*cache|cached|not found/i);
  });
});
