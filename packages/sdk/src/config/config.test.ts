import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { hostConfigSchema, type ImageConfig, sandboxConfigSchema } from '@microsandbox/types';
import { homeLayout, sandboxPaths } from '@microsandbox/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withAbsolutePaths } from './absolute-paths.ts';
import { withCreateDefaults } from './create-defaults.ts';
import { withImageDefaults } from './image-defaults.ts';
import { parseRecord } from './parse-record.ts';
import { validateCreate, validateRootfsSource } from './validate-create.ts';

const record = (extra: Readonly<Record<string, unknown>> = {}) =>
  sandboxConfigSchema.parse({ name: 'box', image: { Oci: { reference: 'alpine' } }, ...extra });
const host = (extra: Readonly<Record<string, unknown>> = {}) => hostConfigSchema.parse(extra);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-rootfs-'));
  await writeFile(join(folder, 'file'), '');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('validateRootfsSource', () => {
  const bind = (path: string) => validateRootfsSource({ Bind: { path, follow_root_symlinks: false } });
  const disk = (path: string) => validateRootfsSource({ DiskImage: { path, format: 'Raw', fstype: null } });

  it('validate_rootfs_source_missing_bind_path', async () => {
    await expect(bind('/no/such')).rejects.toThrow(
      'invalid config: rootfs bind path does not exist: /no/such',
    );
  });

  it('validate_rootfs_source_bind_path_must_be_directory', async () => {
    const path = join(folder, 'file');
    await expect(bind(path)).rejects.toThrow(`invalid config: rootfs bind path is not a directory: ${path}`);
  });

  it('validate_rootfs_source_existing_bind_directory', async () => {
    await expect(bind(folder)).resolves.toBeUndefined();
  });

  it('disk images must be files', async () => {
    await expect(disk('/no/such')).rejects.toThrow('invalid config: disk image does not exist: /no/such');
    await expect(disk(folder)).rejects.toThrow(`invalid config: disk image is not a regular file: ${folder}`);
    await expect(disk(join(folder, 'file'))).resolves.toBeUndefined();
  });
});

describe('validateCreate', () => {
  const validate = (extra: Readonly<Record<string, unknown>>, home = folder) =>
    validateCreate(record(extra), sandboxPaths(homeLayout(home), 'box'));

  it('create_local_rejects_invalid_hostname_before_rootfs_validation', async () => {
    const image = { Bind: { path: '/no/such' } };
    await expect(validate({ image, runtime: { hostname: 'y'.repeat(65) } })).rejects.toThrow(
      'hostname is too long',
    );
    await expect(validate({ image })).rejects.toThrow('rootfs bind path does not exist');
  });

  it('create validates direct config mounts', async () => {
    const tmpfs = { type: 'Tmpfs', guest: '/dup', size_mib: null, options: {} };
    await expect(validate({ mounts: [tmpfs, tmpfs] })).rejects.toThrow('multiple volumes cannot mount');
  });

  it('refuses a home that is too deep for a socket', async () => {
    await expect(validate({}, `/${'d'.repeat(100)}`)).rejects.toThrow('set MSB_HOME to a shorter directory');
  });

  it.each(['', '..', 'a/b'])('refuses the script name %j', async (name) => {
    await expect(validate({ runtime: { scripts: { [name]: 'x' } } })).rejects.toThrow(
      `invalid script name: ${name}`,
    );
  });
});

describe('paths of the host', () => {
  it('are complete in what is stored', () => {
    const absolute = (image: unknown, mounts: unknown[] = []) => withAbsolutePaths(record({ image, mounts }));
    expect(absolute({ Bind: { path: './root', follow_root_symlinks: true } }).image).toEqual({
      Bind: { path: resolve('root'), follow_root_symlinks: true },
    });
    expect(absolute({ DiskImage: { path: 'a/../b.raw', format: 'Raw', fstype: null } }).image).toMatchObject({
      DiskImage: { path: resolve('b.raw') },
    });
    const root_disk = { kind: 'disk-image', path: './d.qcow2', format: 'Qcow2' };
    expect(absolute({ Oci: { reference: 'a', root_disk } }).image).toMatchObject({
      Oci: { root_disk: { path: resolve('d.qcow2') } },
    });
    const mount = { type: 'DiskImage', host: './d.raw', guest: '/d', format: 'Raw', options: {} };
    const tmpfs = { type: 'Tmpfs', guest: '/t', size_mib: null, options: {} };
    const { mounts } = absolute({ Oci: { reference: 'a' } }, [mount, tmpfs]);
    expect(mounts).toMatchObject([{ host: resolve('d.raw') }, tmpfs]);
  });
});

describe('create defaults', () => {
  const rootDisk = (config: ReturnType<typeof record>, settings = host()) => {
    const { image } = withCreateDefaults(config, settings);
    return 'Oci' in image ? image.Oci.root_disk : undefined;
  };
  const oci = (disk?: unknown) =>
    record({ image: { Oci: { reference: 'a', ...(disk ? { root_disk: disk } : {}) } } });

  it('give an image a managed disk of 4096 MiB, or what the host says', () => {
    expect(rootDisk(oci())).toEqual({ kind: 'managed', size_mib: 4096 });
    expect(rootDisk(oci(), host({ sandbox_defaults: { oci: { upper_size_mib: 8192 } } }))).toEqual({
      kind: 'managed',
      size_mib: 8192,
    });
    expect(rootDisk(oci(), host({ sandbox_defaults: { oci: { root_disk: { kind: 'tmpfs' } } } }))).toEqual({
      kind: 'tmpfs',
      size_mib: 256,
    });
    expect(rootDisk(oci({ kind: 'tmpfs', size_mib: 64 }))).toEqual({ kind: 'tmpfs', size_mib: 64 });
  });

  it.each([
    [512, 128],
    [4096, 512],
    [2, 1],
  ])('with %d MiB give /tmp %d MiB', (memory, size) => {
    const { mounts } = withCreateDefaults(record({ resources: { memory_mib: memory } }), host());
    expect(mounts).toMatchObject([{ type: 'Tmpfs', guest: '/tmp', size_mib: size }]);
  });

  it('leave a /tmp alone that is there', () => {
    const mount = { type: 'Tmpfs', guest: '/tmp', size_mib: 9, options: {} };
    expect(withCreateDefaults(record({ mounts: [mount] }), host()).mounts).toEqual([mount]);
  });

  it('operator deployment profile', () => {
    const config = record({ deployment_profile: 'single_tenant' });
    expect(withCreateDefaults(config, host({ deployment_profile: 'multi-tenant' })).deployment_profile).toBe(
      'multi_tenant',
    );
    expect(withCreateDefaults(config, host()).deployment_profile).toBe('single_tenant');
  });
});

describe('image defaults', () => {
  const image: ImageConfig = {
    env: ['PATH=/bin', 'A=image', 'MSB_X=1', 'EMPTY', '=bad'],
    cmd: ['sh'],
    entrypoint: ['/entry'],
    working_dir: '/w',
    user: '',
    exposed_ports: [],
    volumes: [],
    labels: { a: 'image', b: 'image', 'sandbox.x': 'reserved' },
    stop_signal: null,
  };

  it('lie under what the sandbox says', () => {
    const config = withImageDefaults(
      record({
        env: [{ key: 'A', value: 'own' }],
        labels: { a: 'own' },
        runtime: { cmd: [], workdir: '/own' },
      }),
      image,
    );
    expect(config.env).toEqual([
      { key: 'PATH', value: '/bin' },
      { key: 'A', value: 'own' },
      { key: 'EMPTY', value: '' },
    ]);
    expect(config.labels).toEqual({ a: 'own', b: 'image' });
    expect(config.runtime).toMatchObject({ cmd: [], entrypoint: ['/entry'], workdir: '/own', user: null });
  });
});

describe('stored configurations', () => {
  it('are read with defaults, and keep what they do not know', async () => {
    const text = '{"name":"x","image":{"Oci":{"reference":"a"}},"from_later":{"k":1}}';
    const config = await parseRecord(text, 'x');
    expect(config).toMatchObject({ resources: { cpus: 1, memory_mib: 512 }, from_later: { k: 1 } });
  });

  it.each(['{', '{}', '{"name":"x","image":{"Oci":{}}}'])(
    'that are broken name the sandbox: %s',
    async (text) => {
      await expect(parseRecord(text, 'x')).rejects.toMatchObject({
        code: 'json',
        message: expect.stringContaining("stored configuration of sandbox 'x'"),
      });
    },
  );
});
