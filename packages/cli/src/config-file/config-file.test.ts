import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sandbox } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyNetwork } from '../actions/apply-network.ts';
import { applyConfigFile } from './apply-config-file.ts';
import { CONFIG_KINDS, type ConfigArgument } from './config-kind.ts';
import { loadConfigFiles } from './load-config-files.ts';
import type { SandboxFile } from './sandbox-schema.ts';
import { wantedImage } from './wanted-image.ts';

let folder: string;
let written = 0;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'msb-conf-')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of that text, as an argument of `--<option>`. */
async function file(text: string, option = 'conf'): Promise<ConfigArgument> {
  const kind = CONFIG_KINDS.find((candidate) => candidate.option === option);
  if (kind === undefined) throw new RangeError(option);
  written++;
  const path = join(folder, `${written}.yaml`);
  await writeFile(path, text);
  return { kind, path };
}

async function load(...files: readonly ConfigArgument[]): Promise<SandboxFile> {
  return loadConfigFiles(files, { NAME: 'value', KEY: 'secret' });
}

/** What is said about a file; its path left out. */
async function problemWith(text: string, option?: string): Promise<string> {
  const argument = await file(text, option);
  const error = await load(argument).then(
    () => new Error('accepted'),
    (cause: Error) => cause,
  );
  expect((error as { code?: string }).code).toBe('invalidConfig');
  return error.message.replace(argument.path, 'PATH');
}

/** Text that stands for a variable. */
function reference(name: string): string {
  return `\${${name}}`;
}

describe('a configuration file', () => {
  it('describes a whole sandbox', async () => {
    const text = `
image: python:3.13
pull_policy: missing
cpus: 2
memory: 1G
max_duration: 5m
rlimits: [{ resource: nofile, soft: 100, hard: 200 }]
workdir: /work
shell: bash
user: nobody
hostname: \${NAME}
security: restricted
entrypoint: [/bin/sh]
cmd: [-c, ls]
env: { A: "1", B: "x\${NAME}y" }
labels: { team: net }
init: { cmd: auto, args: [--x], env: { I: "2" } }
mounts:
  - ./src:/src:ro
  - { tmpfs: { size: 64M }, target: /tmp, noexec: true }
patches:
  - mkdir: { path: /data, mode: "0700" }
  - text: { path: /etc/motd, content: "hi\\n", replace: true }
scripts: { go: echo go }
network: { deny: [10.0.0.1], max_connections: 12 }
ports: ["8080:80"]
`;
    await mkdir(join(folder, 'src'), { recursive: true });
    const described = await load(await file(text));
    const builder = Sandbox.builder('box');
    wantedImage(undefined, described).apply(builder);
    applyConfigFile(builder, described, { given: new Set(['C']) });
    applyNetwork(builder, {}, described);
    const config = await builder.build();
    expect(config).toMatchObject({
      image: { Oci: { reference: 'python:3.13' } },
      resources: { cpus: 2, memoryMib: 1024 },
      runtime: {
        workdir: '/work',
        shell: 'bash',
        user: 'nobody',
        hostname: 'value',
        scripts: { go: '#!/usr/bin/env bash\necho go\n' },
        entrypoint: ['/bin/sh'],
        cmd: ['-c', 'ls'],
      },
      env: [
        { key: 'A', value: '1' },
        { key: 'B', value: 'xvaluey' },
      ],
      labels: { team: 'net' },
      rlimits: [{ resource: 'Nofile', soft: 100, hard: 200 }],
      mounts: [
        { type: 'Bind', host: join(folder, 'src'), guest: '/src', options: { readonly: true } },
        { type: 'Tmpfs', guest: '/tmp', sizeMib: 64, options: { noexec: true } },
      ],
      patches: [
        { Mkdir: { path: '/data', mode: 0o700 } },
        { Text: { path: '/etc/motd', content: 'hi\n', replace: true } },
      ],
      network: {
        maxConnections: 12,
        ports: [{ hostPort: 8080, guestPort: 80 }],
        policy: { rules: [{ action: 'deny' }, {}, {}] },
      },
      init: { cmd: 'auto', args: ['--x'], env: [['I', '2']] },
      pullPolicy: 'IfMissing',
      securityProfile: 'restricted',
      lifecycle: { maxDurationSecs: 300 },
    });
  });

  it('is merged with those before it: maps by key, lists as a whole', async () => {
    const merged = await load(
      await file(
        'cpus: 1\nenv: { A: "1", B: "2" }\nnetwork: { allow: [a.com], dns: { nameservers: [1.1.1.1] } }',
      ),
      await file('allow: [b.com]\ndns: { rebind_protection: false }\nports: ["1:2"]', 'net-conf'),
      await file('cpus: 3\nmemory: 1G', 'resource-conf'),
      await file('env: { B: "3" }', 'runtime-conf'),
      await file('KEY: { allow: [a.com] }', 'secret-conf'),
      await file('secrets: { KEY: { inject: [query_params] } }'),
      await file('go: ls', 'script-conf'),
      await file('mounts: []', 'fs-conf'),
    );
    expect(merged).toMatchObject({
      cpus: 3,
      memory: '1G',
      env: { A: '1', B: '3' },
      scripts: { go: 'ls' },
      network: {
        allow: ['b.com'],
        dns: { nameservers: ['1.1.1.1'], rebind_protection: false },
        ports: ['1:2'],
      },
      secrets: { KEY: { allow: ['a.com'], inject: ['query_params'] } },
    });
  });

  it('finds its paths from where it really lies, and reads patch files', async () => {
    const patches = await file('patches: [{ copy_file: { src: ./a, dst: /a } }]', 'fs-conf');
    const name = patches.path.slice(folder.length + 1);
    const loaded = await load(
      await file(`image: ./root\npatch_files: [${name}]\npatches: [{ remove: { path: /x } }]`),
    );
    expect(loaded).toEqual({
      image: `${folder}/root`,
      patches: [{ copy_file: { src: `${folder}/a`, dst: '/a' } }, { remove: { path: '/x' } }],
      env: {},
      labels: {},
      scripts: {},
      network: { dns: {}, tls: {} },
      secrets: {},
    });
  });

  it('names file, place and key of what is wrong', async () => {
    expect(await problemWith('cpus: 2\nnetwork:\n  dns:\n    nameserver: [x]\n')).toBe(
      'invalid sandbox configuration PATH: line 4 column 5: network.dns.nameserver: unknown field',
    );
    expect(await problemWith('network:\n  ports: [1, 2]')).toMatch(
      /^invalid sandbox configuration PATH: line 2 column 11: network\.ports\[0\]: .*expected string/,
    );
    expect(await problemWith('policy: 5', 'net-conf')).toMatch(
      /^invalid network config PATH: line 1 column 1: policy: /,
    );
    expect(await problemWith('trust_host_cas: yes', 'net-conf')).toMatch(
      /trust_host_cas: .*expected boolean/,
    );
    expect(await problemWith('network:\n  allow: [a.com, com]')).toMatch(
      /line 2 column 18: network\.allow\[1\]: `com` is ambiguous/,
    );
    expect(await problemWith('ports: [\n  "80"]')).toMatch(
      /line 2 column 3: ports\[0\]: port must be in format/,
    );
    expect(await problemWith('memory: much')).toMatch(/line 1 column 1: memory: /);
    expect(await problemWith('network: closed')).toMatch(/line 1 column 1: network: /);
    expect(await problemWith('image: {}')).toMatch(/must contain exactly one of `oci`/);
    expect(await problemWith('mounts: [{ tmpfs: {}, target: /a, format: raw }]')).toMatch(
      /mounts\[0\]\.format: only for disk mounts/,
    );
    expect(await problemWith('mounts: [name:/x]')).toMatch(/mounts\[0\]: expected SOURCE:TARGET/);
    expect(await problemWith('workdir: /x\nimage: y', 'runtime-conf')).toMatch(
      /line 2 column 1: image: unknown field/,
    );
    expect(await problemWith('../up: ls', 'script-conf')).toMatch(/must be a single non-empty filename/);
    expect(await problemWith('cpus: 300')).toMatch(/line 1 column 1: cpus: /);
    expect(await problemWith('')).toMatch(/^invalid sandbox configuration PATH: line 1 column 1: /);
    expect(await problemWith('registry: { username: me }')).toMatch(/must be specified together/);
  });

  it('says which option it belongs to', async () => {
    expect(await problemWith('network: { policy: none }', 'net-conf')).toMatch(
      /--net-conf expects the contents without a `network:` wrapper; use --conf/,
    );
    expect(await problemWith('name: x')).toMatch(/`name` is project-only/);
  });

  it('is plain YAML only', async () => {
    expect(await problemWith('cpus: &a 2')).toBe(
      'invalid sandbox configuration PATH: line 1 column 10: YAML anchors and aliases are not supported',
    );
    expect(await problemWith('a: 1\nenv: { <<: {} }')).toMatch(/line 2 column 8: YAML merge keys/);
    expect(await problemWith('cpus: !mine 2')).toMatch(/custom YAML tags are not supported/);
    expect(await problemWith('cpus: 1\ncpus: 2')).toMatch(/line 2 column 1: .*unique/);
    expect(await problemWith('cpus: 1\n---\ncpus: 2')).toMatch(/line 2 column 1: /);
    expect(await problemWith('workdir: ["')).toMatch(/PATH: line 1 column /);
    expect(await problemWith(`env: ${'['.repeat(70)}${']'.repeat(70)}`)).toMatch(/nested deeper than 64/);
    expect(await problemWith(`env: ${'['.repeat(100_000)}`)).toMatch(/line /);
    expect(await problemWith(`entrypoint: [${'a,'.repeat(100_001)}]`)).toMatch(/more than 100000 values/);
    await expect(load({ kind: CONFIG_KINDS[0], path: join(folder, 'none.yaml') })).rejects.toThrow(
      /^failed to read sandbox configuration .*none\.yaml: /,
    );
  });

  it('follows references to variables, but for those of secrets', async () => {
    expect(
      await load(
        await file(
          `user: "${reference('NAME')}-${reference('KEY')}"\nsecrets: { K: { value: "${reference('KEY')}" } }`,
        ),
      ),
    ).toMatchObject({
      user: 'value-secret',
      secrets: { K: { value: reference('KEY') } },
    });
    expect(await problemWith(`user: "${reference('NOPE')}"`)).toMatch(
      /line 1 column 1: user: environment variable "NOPE" is not set/,
    );
    expect(await problemWith(`user: "${reference('a b')}"`)).toMatch(
      /unsupported environment expression `\$\{a b\}`; only `\$\{NAME\}` is allowed/,
    );
    expect(await problemWith(`env: { A: "x${reference('b').slice(0, -1)}" }`)).toMatch(
      /env\.A: unclosed environment reference in "x\$\{b"/,
    );
  });
});
