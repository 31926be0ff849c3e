import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidConfigError } from '@microsandbox/types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withBackend } from '../backend/current-backend.ts';
import { LocalBackend } from '../backend/local-backend.ts';
import { intoRootfsSource } from '../config/rootfs-source.ts';
import { Stdin } from '../exec/stdin.ts';
import { GiB, KiB, MiB, TiB } from '../sizes.ts';
import { AttachOptionsBuilder } from './attach-options-builder.ts';
import { ExecOptionsBuilder } from './exec-options-builder.ts';
import { ImageBuilder } from './image-builder.ts';
import { MountBuilder } from './mount-builder.ts';
import { PatchBuilder } from './patch-builder.ts';
import { RegistryConfigBuilder } from './registry-config-builder.ts';
import { RootDiskBuilder } from './root-disk-builder.ts';
import { SandboxBuilder } from './sandbox-builder.ts';

let home: string;
let backend: LocalBackend;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-builders-'));
  backend = new LocalBackend({ env: { MSB_HOME: home } });
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

const build = (configure: (b: SandboxBuilder) => SandboxBuilder, name = 'box', on = backend) =>
  withBackend(on, () => configure(new SandboxBuilder(name)).build());
const withImage = (configure: (b: SandboxBuilder) => SandboxBuilder) =>
  build((b) => configure(b.image('alpine')));

describe('intoRootfsSource', () => {
  it.each([
    ['/srv/rootfs', { kind: 'bind', path: '/srv/rootfs' }],
    ['./rootfs', { kind: 'bind', path: './rootfs' }],
    ['./alpine.qcow2', { kind: 'disk', path: './alpine.qcow2', format: 'qcow2' }],
    ['foo.raw', { kind: 'disk', path: 'foo.raw', format: 'raw' }],
    ['python:3.12', { kind: 'oci', reference: 'python:3.12' }],
    ['C:\\images\\rootfs', { kind: 'oci', reference: 'C:\\images\\rootfs' }],
  ])('reads %s', (text, source) => {
    expect(intoRootfsSource(text)).toEqual(source);
  });

  it('returns objects as they are', () => {
    const source = { kind: 'oci', reference: 'x' } as const;
    expect(intoRootfsSource(source)).toBe(source);
  });
});

describe('MountBuilder', () => {
  const plain = { readonly: false, noexec: false, nosuid: false, nodev: false };

  it('reports a bind mount with its defaults', () => {
    expect(new MountBuilder('/data').bind('/host').build()).toEqual({
      kind: 'bind',
      guest: '/data',
      host: '/host',
      ...plain,
      statVirtualization: 'strict',
      hostPermissions: 'private',
    });
  });

  it('reports a tmpfs with nothing that it has not', () => {
    expect(new MountBuilder('/t').tmpfs().size(64).readonly().build()).toEqual({
      kind: 'tmpfs',
      guest: '/t',
      sizeMib: 64,
      ...plain,
      readonly: true,
    });
  });

  it('takes flags on all four kinds', () => {
    for (const choose of [
      (m: MountBuilder) => m.bind('/h'),
      (m: MountBuilder) => m.named('v'),
      (m: MountBuilder) => m.tmpfs(),
      (m: MountBuilder) => m.disk('/d.raw'),
    ]) {
      expect(choose(new MountBuilder('/g')).noexec().nosuid().nodev().build()).toMatchObject({
        noexec: true,
        nosuid: true,
        nodev: true,
      });
    }
  });

  it('guesses the format of a disk', () => {
    const mount = new MountBuilder('/g').disk('/d.qcow2').fstype('ext4').readonly().build();
    expect(mount).toMatchObject({ format: 'qcow2', fstype: 'ext4', readonly: true, host: '/d.qcow2' });
    expect(new MountBuilder('/g').disk('/d.bin').build().format).toBe('raw');
  });

  it('describes named volumes to be made, and drops that of existing ones', () => {
    const make = (...args: Parameters<MountBuilder['namedWith']>) =>
      new MountBuilder('/g').namedWith(...args).build();
    expect(make('docker-data', 'ensure-exists', 'disk', 10240)).toMatchObject({
      namedMode: 'ensure-exists',
      namedKind: 'disk',
      sizeMib: 10240,
    });
    expect(make('cache', 'create', 'dir', undefined, 512)).toMatchObject({ namedKind: 'dir', quotaMib: 512 });
    expect(make('old', 'existing', 'dir', 1, 2)).not.toHaveProperty('namedMode');
  });

  it.each<[string, (m: MountBuilder) => MountBuilder, RegExp]>([
    ['size on bind', (m) => m.bind('/h').size(1), /only valid for tmpfs/],
    ['format on bind', (m) => m.bind('/h').format('qcow2'), /only valid for disk image/],
    ['fstype on bind', (m) => m.bind('/h').fstype('ext4'), /only valid for disk image/],
    ['no kind', (m) => m, /no mount type set/],
    ['bad fstype', (m) => m.disk('/d.raw').fstype('ext4,foo'), /fstype must not contain/],
    ['policy on tmpfs', (m) => m.tmpfs().statVirtualization('off'), /only valid for bind/],
    ['policy on disk', (m) => m.disk('/d.raw').hostPermissions('mirror'), /only valid for bind/],
    [
      'off and mirror',
      (m) => m.bind('/h').statVirtualization('off').hostPermissions('mirror'),
      /Off cannot be combined with/,
    ],
    ['comma in host', (m) => m.bind('/a,b'), /must not contain ','/],
    ['quota on tmpfs', (m) => m.tmpfs().quota(1), /only valid for bind mounts/],
  ])('refuses %s when built', (_, configure, message) => {
    const failing = () => configure(new MountBuilder('/g')).build();
    expect(failing).toThrow(InvalidConfigError);
    expect(failing).toThrow(message);
  });

  it.each(['relative', '/a:b', '/', '/a/../b'])('refuses the guest path %s', (path) => {
    expect(() => new MountBuilder(path).tmpfs().build()).toThrow(InvalidConfigError);
  });

  it('refuses unknown words at once', () => {
    const mount = () => new MountBuilder('/g');
    expect(() => mount().statVirtualization('bogus' as 'off')).toThrow(/invalid stat_virtualization/);
    expect(() => mount().hostPermissions('public' as 'private')).toThrow(/invalid host_permissions/);
    expect(() => mount().format('iso' as 'raw')).toThrow(/invalid disk image format/);
    expect(() => mount().namedWith('v', 'maybe' as 'create')).toThrow('invalid named volume mode "maybe"');
  });

  it('can be used once', () => {
    const mount = new MountBuilder('/g').tmpfs();
    mount.build();
    expect(() => mount.build()).toThrow('MountBuilder already consumed');
    expect(() => mount.readonly()).toThrow('MountBuilder already consumed');
  });
});

describe('PatchBuilder', () => {
  it('keeps order and options', () => {
    const patches = new PatchBuilder()
      .text('/etc/x', 'hi', { mode: 0o644 })
      .mkdir('/d', { mode: 0o755 })
      .copyFile('/h', '/g', { replace: true })
      .build();
    expect(patches).toEqual([
      { kind: 'text', path: '/etc/x', content: 'hi', mode: 0o644, replace: false },
      { kind: 'mkdir', path: '/d', mode: 0o755 },
      { kind: 'copyFile', src: '/h', dst: '/g', replace: true },
    ]);
  });
});

describe('root disks', () => {
  it('return the builder itself', () => {
    const image = () => new ImageBuilder().oci('alpine');
    for (const configure of [
      (b: ImageBuilder) => b.rootDisk(8192),
      (b: ImageBuilder) => b.rootDisk((d) => d.tmpfs().size(512)),
      (b: ImageBuilder) => b.rootDisk((d) => d.disk('./s.qcow2')),
      (b: ImageBuilder) => b.rootDisk((d) => d.flat().cloneStrategy('reflink')),
      (b: ImageBuilder) => b.upperSize(1024),
    ]) {
      const builder = image();
      expect(configure(builder)).toBe(builder);
    }
  });

  it('of a sandbox', async () => {
    const image = async (configure: Parameters<SandboxBuilder['rootDisk']>[0]) =>
      (await withImage((b) => b.memory(1024).rootDisk(configure)))['image'];
    expect(await image(8192)).toMatchObject({ Oci: { rootDisk: { kind: 'managed', sizeMib: 8192 } } });
    expect(await image((d) => d.tmpfs().size(512))).toMatchObject({
      Oci: { rootDisk: { kind: 'tmpfs', sizeMib: 512 } },
    });
    expect(await image((d) => d.disk('./s.img'))).toMatchObject({
      Oci: { rootDisk: { kind: 'disk-image', path: './s.img', format: 'Raw' } },
    });
    expect(await image((d) => d.flat().cloneStrategy('auto'))).toEqual({
      Oci: { reference: 'alpine', rootDisk: { kind: 'flat' } },
    });
  });

  it.each<[string, (b: SandboxBuilder) => SandboxBuilder, string]>([
    [
      'before an image',
      (b) => b.rootDisk(1).image('alpine'),
      'root_disk() requires an OCI image to be set first',
    ],
    ['for a disk image', (b) => b.image('./r.qcow2').rootDisk(1), 'root_disk() is only valid for OCI images'],
    ['of no size', (b) => b.image('a').rootDisk(0), 'root disk size must be greater than 0'],
    [
      'larger than memory',
      (b) => b.image('a').rootDisk((d) => d.tmpfs().size(1024)),
      'tmpfs root disk size (1024 MiB) must not exceed sandbox memory (512 MiB)',
    ],
    [
      'of two kinds',
      (b) => b.image('a').rootDisk((d) => d.disk('x.raw').tmpfs()),
      'tmpfs() cannot be combined with disk_image()',
    ],
    [
      'with a size for a disk',
      (b) => b.image('a').rootDisk((d) => d.disk('x.raw').size(1)),
      'size() is not valid for a disk-image root disk',
    ],
    [
      'of unknown extension',
      (b) => b.image('a').rootDisk((d) => d.disk('x.iso')),
      'unrecognized root disk image extension: "iso"',
    ],
    [
      'as vmdk',
      (b) => b.image('a').rootDisk((d) => d.disk('x.vmdk')),
      'vmdk is not supported as a root disk',
    ],
  ])('refuses one %s', async (_, configure, message) => {
    const failing = build(configure);
    await expect(failing).rejects.toBeInstanceOf(InvalidConfigError);
    await expect(failing).rejects.toThrow(message);
  });

  it('refuses an unknown format at once', () => {
    expect(() => new RootDiskBuilder().format('floppy' as 'raw')).toThrow(/invalid root disk image format/);
  });
});

describe('SandboxBuilder.build', () => {
  it('gives the documented shape', async () => {
    expect(await withImage((b) => b)).toEqual({
      name: 'box',
      image: { Oci: { reference: 'alpine' } },
      resources: { cpus: 1, memoryMib: 512, maxCpus: 1, maxMemoryMib: 512 },
      runtime: {
        workdir: null,
        shell: '/bin/sh',
        scripts: {},
        entrypoint: null,
        cmd: null,
        hostname: null,
        user: null,
        logLevel: null,
        metricsSampleIntervalMs: 1000,
        disableMetricsSample: false,
      },
      env: [],
      labels: {},
      rlimits: [],
      mounts: [],
      patches: [],
      network: { enabled: true, ports: [], maxConnections: null, trustHostCas: false },
      init: null,
      pullPolicy: 'IfMissing',
      securityProfile: 'default',
      deploymentProfile: 'single_tenant',
      lifecycle: { ephemeral: false, maxDurationSecs: null, idleTimeoutSecs: null },
      manifestDigest: null,
    });
  });

  it('takes sizes and placement', async () => {
    const config = await withImage((b) =>
      b
        .memory(MiB(2048))
        .maxMemory(GiB(8))
        .cpus(2)
        .maxCpus(8)
        .cpuPlacement('spread')
        .placementProfile('latency')
        .thp('always'),
    );
    expect(config['resources']).toEqual({
      cpus: 2,
      memoryMib: 2048,
      maxCpus: 8,
      maxMemoryMib: 8192,
      cpuPlacement: 'spread',
      placementProfile: 'latency',
      thp: 'always',
    });
  });

  it('takes volumes, parents first', async () => {
    const config = await withImage((b) =>
      b.volume('/data/deep', (m) => m.tmpfs().size(64)).volume('/data/', (m) => m.named('v1').readonly()),
    );
    expect(config['mounts']).toEqual([
      {
        type: 'Named',
        name: 'v1',
        guest: '/data',
        options: { readonly: true, noexec: false, nosuid: false, nodev: false },
        statVirtualization: 'strict',
        hostPermissions: 'private',
        followRootSymlinks: false,
      },
      {
        type: 'Tmpfs',
        guest: '/data/deep',
        sizeMib: 64,
        options: { readonly: false, noexec: false, nosuid: false, nodev: false },
      },
    ]);
  });

  it('takes everything else', async () => {
    const config = await withImage((b) =>
      b
        .security('restricted')
        .ephemeral(true)
        .entrypoint([])
        .cmd(['a', 'b'])
        .vsock('/s', 5)
        .vsockDgram('/d', 5)
        .metricsSampleIntervalMs(5000)
        .disableMetricsSample()
        .labels({ z: '1', a: '2' })
        .env('K', 'V')
        .rlimit('nofile', 10)
        .script('hi', 'echo hi')
        .maxDuration(60)
        .idleTimeout(5)
        .port(8080, 80)
        .initWith('auto', (i) => i.arg('x').env('A', 'B'))
        .pullPolicy('never')
        .logLevel('debug')
        .user('1000:1000')
        .hostname('h'),
    );
    expect(config).toMatchObject({
      securityProfile: 'restricted',
      lifecycle: { ephemeral: true, maxDurationSecs: 60, idleTimeoutSecs: 5 },
      runtime: {
        entrypoint: [],
        cmd: ['a', 'b'],
        metricsSampleIntervalMs: 5000,
        disableMetricsSample: true,
        scripts: { hi: 'echo hi' },
        logLevel: 'debug',
        user: '1000:1000',
        hostname: 'h',
      },
      vsock: {
        routes: [
          { hostSocket: '/s', port: 5, socketType: 'stream' },
          { hostSocket: '/d', port: 5, socketType: 'dgram' },
        ],
      },
      env: [{ key: 'K', value: 'V' }],
      rlimits: [{ resource: 'Nofile', soft: 10, hard: 10 }],
      network: { ports: [{ hostPort: 8080, guestPort: 80, protocol: 'tcp', hostBind: '127.0.0.1' }] },
      init: { cmd: 'auto', args: ['x'], env: [['A', 'B']] },
      pullPolicy: 'Never',
    });
    expect(Object.keys(config['labels'] as object)).toEqual(['a', 'z']);
  });

  it('stores no interval as null, and the profile in its stored form', async () => {
    const config = await withImage((b) => b.metricsSampleIntervalMs(0).deploymentProfile('multi-tenant'));
    expect(config).toMatchObject({
      runtime: { metricsSampleIntervalMs: null },
      deploymentProfile: 'multi_tenant',
    });
  });

  it('closes the network', async () => {
    expect((await withImage((b) => b.disableNetwork()))['network']).toMatchObject({
      enabled: false,
      policy: { defaultEgress: 'deny', defaultIngress: 'deny', rules: [] },
    });
  });

  it('lays the host’s defaults underneath', async () => {
    const other = join(home, 'other');
    await writeFile(
      `${other}.json`,
      JSON.stringify({
        sandbox_defaults: { cpus: 4, memory_mib: 2048, shell: '/bin/zsh' },
        log_level: 'warn',
      }),
    );
    const configured = new LocalBackend({ env: { MSB_HOME: other, MSB_CONFIG_PATH: `${other}.json` } });
    expect(await build((b) => b.image('a').cpus(2), 'box', configured)).toMatchObject({
      resources: { cpus: 2, maxCpus: 2, memoryMib: 2048, maxMemoryMib: 2048 },
      runtime: { shell: '/bin/zsh', logLevel: 'warn' },
    });
  });

  it.each<[string, (b: SandboxBuilder) => SandboxBuilder, string]>([
    ['no image', (b) => b, 'image source is required'],
    ['no cpus', (b) => b.image('a').cpus(0), 'cpus must be greater than 0'],
    ['no memory', (b) => b.image('a').memory(KiB(512)), 'memory must be greater than 0'],
    [
      'a low ceiling',
      (b) => b.image('a').cpus(4).maxCpus(2),
      'max_cpus 2 must be greater than or equal to cpus 4',
    ],
    [
      'a low memory ceiling',
      (b) => b.image('a').maxMemory(1),
      'max_memory 1 MiB must be greater than or equal to memory 512 MiB',
    ],
    [
      'a long host name',
      (b) => b.image('a').hostname('y'.repeat(65)),
      'hostname is too long: 65 bytes (max 64)',
    ],
    ['an empty host name', (b) => b.image('a').hostname(''), 'hostname must not be empty'],
    [
      'a reserved variable',
      (b) => b.image('a').env('MSB_X', '1'),
      'environment variable "MSB_X" uses the reserved MSB_ prefix',
    ],
    [
      'a reserved label',
      (b) => b.image('a').label('microsandbox.x', ''),
      "label key 'microsandbox.x' uses reserved prefix 'microsandbox.'",
    ],
    ['an empty label', (b) => b.image('a').label('', ''), 'label key must not be empty'],
    [
      'a soft limit above',
      (b) => b.image('a').rlimitRange('nofile', 2, 1),
      'rlimit nofile: soft (2) must not exceed hard (1)',
    ],
    ['an empty executable', (b) => b.image('a').entrypoint(['']), 'entrypoint executable must not be empty'],
    ['a NUL in a command', (b) => b.image('a').cmd(['x', 'a\0']), 'cmd token at index 1 contains a NUL byte'],
    [
      'a relative init',
      (b) => b.image('a').init('sbin/init'),
      'init cmd must be an absolute path or `auto`, got: "sbin/init"',
    ],
    [
      'two mounts at one place',
      (b) =>
        b
          .image('a')
          .volume('/d', (m) => m.tmpfs())
          .volume('/d/', (m) => m.tmpfs()),
      'multiple volumes cannot mount the same guest path: /d',
    ],
    [
      'a missing disk',
      (b) => b.image('a').volume('/d', (m) => m.disk('/no/such.raw')),
      'disk image host path does not exist: /no/such.raw',
    ],
    ['a relative vsock path', (b) => b.image('a').vsock('s', 1), 'vsock host path must be absolute: s'],
    [
      'vsock for many tenants',
      (b) => b.image('a').vsock('/s', 1).deploymentProfile('multi-tenant'),
      'host vsock routes are disabled for multi-tenant deployments',
    ],
    [
      'a vsock port twice',
      (b) => b.image('a').vsock('/s', 1).vsock('/t', 1),
      'duplicate vsock Stream route for port 1',
    ],
  ])('refuses %s', async (_, configure, message) => {
    const failing = build(configure);
    await expect(failing).rejects.toBeInstanceOf(InvalidConfigError);
    await expect(failing).rejects.toThrow(`invalid config: ${message}`);
  });

  it('reports the first mistake first', async () => {
    await expect(
      build(
        (b) =>
          b
            .env('MSB_A', '')
            .volume('relative', (m) => m.tmpfs())
            .cpus(0),
        '',
      ),
    ).rejects.toThrow('MSB_A');
    await expect(build((b) => b.cpus(0).hostname(''), '')).rejects.toThrow('sandbox name is required');
    await expect(build((b) => b.cpus(0).hostname(''))).rejects.toThrow('hostname must not be empty');
    await expect(build((b) => b.cpus(0))).rejects.toThrow('cpus must be greater than 0');
    await expect(build((b) => b.image('a').label('', '').rlimitRange('cpu', 2, 1))).rejects.toThrow('rlimit');
  });

  it('keeps a volume’s mistake until it is used', async () => {
    const builder = new SandboxBuilder('box').image('a').volume('relative', (m) => m.tmpfs());
    await expect(withBackend(backend, () => builder.build())).rejects.toBeInstanceOf(InvalidConfigError);
  });

  it('refuses unknown words at once', () => {
    const b = new SandboxBuilder('box');
    expect(() => b.cpuPlacement('x' as 'auto')).toThrow(
      'unknown CPU placement: x (expected: inherit, auto, spread, compact)',
    );
    expect(() => b.thp('x' as 'never')).toThrow('invalid THP policy `x`; expected always, madvise, or never');
    expect(() => b.logLevel('x' as 'info')).toThrow('invalid log level `x`');
    expect(() => b.pullPolicy('x' as 'never')).toThrow('invalid pull policy `x`');
    expect(() => b.security('x' as 'default')).toThrow(
      'invalid security profile `x` (expected default | restricted)',
    );
    expect(() => b.rlimit('x' as 'cpu', 1)).toThrow('unknown rlimit resource `x`');
    expect(() => b.cpus(256)).toThrow('cpus out of u8 range');
    expect(() => b.port(70_000, 1)).toThrow('host port out of range');
    expect(() => b.port(1, -1)).toThrow('guest port out of range');
    expect(() => b.portBind('localhost', 1, 1)).toThrow('invalid bind address: localhost');
    expect(() => b.volume('/x', () => undefined as unknown as MountBuilder)).toThrow(TypeError);
  });

  it('takes the old way to name the kernel', () => {
    const builder = new SandboxBuilder('box');
    expect(builder.libkrunfwPath('/no/such/libkrunfw.so')).toBe(builder);
  });

  it('can be used once', async () => {
    const builder = new SandboxBuilder('box').image('a');
    await withBackend(backend, () => builder.build());
    await expect(withBackend(backend, () => builder.build())).rejects.toThrow(
      'SandboxBuilder already consumed',
    );
    expect(() => builder.cpus(1)).toThrow('SandboxBuilder already consumed');
  });

  it('says what this release cannot do, instead of leaving it out', async () => {
    const create = (configure: (b: SandboxBuilder) => SandboxBuilder) =>
      withBackend(backend, () => configure(new SandboxBuilder('box').image('a')).create());
    for (const configure of [
      (b: SandboxBuilder) => b.vsock('/s', 1),
      (b: SandboxBuilder) => b.fromSnapshot('s'),
    ]) {
      await expect(create(configure)).rejects.toMatchObject({ code: 'unsupported' });
    }
    await expect(create((b) => b.vsock('/s', 1))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^SandboxBuilder::vsock is not supported by this backend: .*QEMU.*libkrun/,
      ),
      hint: expect.stringContaining('host.microsandbox.internal'),
    });
  });
});

describe('option builders', () => {
  it('say what was set, and are used up once', () => {
    const builder = new ExecOptionsBuilder()
      .args(['a'])
      .arg('b')
      .env('K', 'V')
      .cwd('/w')
      .timeout(5.7)
      .tty(true);
    expect(builder.build()).toEqual({
      args: ['a', 'b'],
      cwd: '/w',
      env: { K: 'V' },
      timeoutMs: 5,
      stdin: { kind: 'null' },
      tty: true,
      rlimits: [],
    });
    builder.take();
    expect(() => builder.take()).toThrow('ExecOptionsBuilder already consumed');
    expect(new AttachOptionsBuilder().detachKeys('ctrl-p').user('u').build()).toEqual({
      args: [],
      user: 'u',
      env: {},
      detachKeys: 'ctrl-p',
      rlimits: [],
    });
  });

  it('describe a registry without its certificates', () => {
    const builder = new RegistryConfigBuilder()
      .auth({ kind: 'basic', username: 'u', password: 'p' })
      .insecure()
      .caCerts(Buffer.from('pem'));
    expect(builder.build()).toMatchObject({ insecure: true, caCertsCount: 1 });
    expect(() => builder.auth({ kind: 'basic', username: 'u' } as never)).toThrow(
      'registry auth `basic` requires `password`',
    );
    expect(() => builder.auth({ kind: 'token' } as never)).toThrow(
      'unknown registry auth kind `token` (expected anonymous | basic)',
    );
    expect(() => builder.caCertsPath('/no/such.pem')).toThrow('failed to read CA certs from `/no/such.pem`');
  });
});

it('sizes are in MiB', () => {
  expect([KiB(1024), MiB(5), GiB(2), TiB(1)]).toEqual([1, 5, 2048, 1048576]);
});

it('Stdin makes modes', () => {
  expect(Stdin.null()).toEqual({ kind: 'null' });
  expect(Stdin.pipe()).toEqual({ kind: 'pipe' });
  expect(Stdin.bytes('hello')).toEqual({ kind: 'bytes', data: new TextEncoder().encode('hello') });
});
