import { type SandboxState, sandboxConfigSchema } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Sandbox } from '../sandbox.ts';
import type { ModifyOptions, SecretPlannedChange } from './modification.ts';
import { modifiedRecord } from './modified-record.ts';
import { planModification } from './plan-modification.ts';

const record = (extra: Readonly<Record<string, unknown>> = {}) =>
  sandboxConfigSchema.parse({
    name: 'box',
    image: { Oci: { reference: 'a', root_disk: { kind: 'managed', size_mib: 4096 } } },
    resources: { cpus: 1, memory_mib: 512, max_cpus: 2, max_memory_mib: 1024 },
    env: [{ key: 'A', value: '1' }],
    labels: { team: 'sdk' },
    ...extra,
  });

const plan = (options: ModifyOptions, status: SandboxState = 'Stopped', config = record()) =>
  planModification(config, status, options);
const summary = (options: ModifyOptions, status?: SandboxState, config?: ReturnType<typeof record>) =>
  plan(options, status, config).changes.map((change) =>
    change.kind === 'config'
      ? [change.field, change.change, change.before, change.after, change.disposition]
      : [change.name, change.change, change.disposition],
  );

describe('planModification', () => {
  it('lists what changes, for the next start of a stopped sandbox', () => {
    expect(
      summary({
        cpus: 2,
        memory: 2048,
        env: { B: '2', A: '3' },
        labels: { tier: 'x' },
        labelsRemove: ['team', 'none'],
        workdir: '/w',
      }),
    ).toEqual([
      ['cpus', 'updated', '1', '2', 'next start'],
      ['memory', 'updated', '512 MiB', '2 GiB', 'next start'],
      ['max_memory', 'updated', '1 GiB', '2 GiB', 'next start'],
      ['env', 'updated', 'A=1', 'A=3', 'next start'],
      ['env', 'added', undefined, 'B=2', 'next start'],
      ['label', 'added', undefined, 'tier=x', 'next start'],
      ['label', 'removed', 'team=sdk', undefined, 'next start'],
      ['workdir', 'added', undefined, '/w', 'next start'],
    ]);
  });

  it('lists nothing that stays as it is', () => {
    expect(
      summary({ cpus: 1, memory: 512, env: { A: '1' }, labels: { team: 'sdk' }, envRemove: ['x'] }),
    ).toEqual([]);
  });

  it.each<[SandboxState, ModifyOptions['policy'], string]>([
    ['Running', 'no_restart', 'requires restart'],
    ['Running', 'restart', 'requires restart'],
    ['Running', 'next_start', 'next start'],
    ['Draining', 'no_restart', 'requires restart'],
    ['Paused', 'no_restart', 'unsupported'],
    ['Crashed', 'no_restart', 'next start'],
  ])('%s with policy %s: %s', (status, policy, disposition) => {
    expect(summary({ cpus: 2, policy: policy ?? 'no_restart' }, status)[0]?.[4]).toBe(disposition);
  });

  it.each<[ModifyOptions, string]>([
    [{ cpus: 0 }, 'cpus must be greater than 0'],
    [{ maxMemory: 0 }, 'max_memory must be greater than 0'],
    [{ cpus: 4, maxCpus: 3 }, 'max_cpus 3 is lower than requested cpus 4'],
    [{ maxMemory: 256 }, 'max_memory 256 MiB is lower than requested memory 512 MiB'],
    [{ env: { K: '1' }, envRemove: ['K'] }, 'env K is both set and removed in the same modification'],
    [{ labels: { K: '1' }, labelsRemove: ['K'] }, 'label K is both set and removed in the same modification'],
    [
      { rootDiskSize: 1024 },
      'root disk size 1 GiB is smaller than the current 4 GiB; shrink is not supported',
    ],
    [{ rootDiskSize: 4096 }, 'root disk size is already 4 GiB; only grow is supported'],
  ])('%j conflicts', (options, message) => {
    expect(plan(options).conflicts[0]?.message).toContain(message);
  });

  it('knows each kind of root disk', () => {
    const oci = (disk: unknown) => record({ image: { Oci: { reference: 'a', root_disk: disk } } });
    const bind = record({ image: { Bind: { path: '/r' } } });
    expect(plan({ rootDiskSize: 1 }, 'Stopped', bind).conflicts[0]?.message).toBe(
      'root disk size requires an OCI rootfs',
    );
    const image = oci({ kind: 'disk-image', path: '/d', format: 'Raw' });
    expect(plan({ rootDiskSize: 1 }, 'Stopped', image).conflicts[0]?.message).toContain(
      'user-supplied disk image',
    );
    const tmpfs = oci({ kind: 'tmpfs', size_mib: 128 });
    expect(summary({ rootDiskSize: 256 }, 'Stopped', tmpfs)).toEqual([
      ['root_disk_size', 'updated', '128 MiB', '256 MiB', 'next start'],
    ]);
    expect(plan({ rootDiskSize: 600 }, 'Stopped', tmpfs).conflicts[0]?.message).toBe(
      'tmpfs root disk size 600 MiB must not exceed sandbox memory (512 MiB)',
    );
    expect(summary({ rootDiskSize: 8192 })).toEqual([
      ['root_disk_size', 'updated', '4 GiB', '8 GiB', 'next start'],
    ]);
    expect(summary({ rootDiskSize: 8192 }, 'Running')[0]?.[4]).toBe('requires restart');
  });

  it('changes values and hosts of secrets at once where the machine has them', () => {
    const secret = { env_var: 'OLD', value: 'v', placeholder: '$MSB_OLD', allowed_hosts: [{ exact: 'h' }] };
    const config = record({ network: { enabled: true, secrets: { secrets: [secret] } } });
    const dispositions = (options: ModifyOptions, status: 'Running' | 'Stopped') =>
      planModification(config, status, options, new Set(['OLD'])).changes.map((change) => [
        (change as SecretPlannedChange).change,
        change.disposition,
      ]);
    const options = { secrets: { OLD: { value: 'new' }, KEY: { env: 'K', allowedHosts: ['h'] } } };
    expect(dispositions(options, 'Running')).toEqual([
      ['added', 'requires restart'],
      ['rotated', 'live'],
    ]);
    expect(dispositions(options, 'Stopped').map(([, when]) => when)).toEqual(['next start', 'next start']);
    expect(dispositions({ secretsRemove: ['OLD', 'UNKNOWN'] }, 'Running')).toEqual([['removed', 'live']]);
    expect(dispositions({ secrets: { OLD: { allowedHosts: ['x'] } } }, 'Running')).toEqual([
      ['hosts updated', 'live'],
    ]);
    expect(dispositions({ secrets: { OLD: { placeholder: '$X' } } }, 'Running')).toEqual([
      ['placeholder updated', 'requires restart'],
    ]);
    expect(dispositions({ secrets: { OLD: { store: 's' } } }, 'Running')[0]?.[1]).toBe('unsupported');
    const modified = modifiedRecord(config, { ...options, secretsRemove: ['GONE'] });
    expect(modified.network['secrets']).toMatchObject({
      secrets: [
        { env_var: 'OLD', value: 'new', placeholder: '$MSB_OLD' },
        { env_var: 'KEY', value: '', source: { kind: 'env', var: 'K' }, placeholder: '$MSB_KEY' },
      ],
    });
    expect(() => modifiedRecord(config, { secrets: { KEY: { value: 'x' } } })).toThrow(
      'at least one allowed host',
    );
  });

  it('takes one source for a secret', () => {
    expect(() => plan({ secrets: { K: { env: 'a', value: 'b' } } })).toThrow(
      'secret "K": "env" and "value" are mutually exclusive; set at most one',
    );
    expect(() => plan({ policy: 'now' as 'restart' })).toThrow('unknown policy "now"');
  });
});

describe('modify', () => {
  let home: TestHome;
  beforeEach(async () => {
    home = await testHome();
  });
  afterEach(async () => {
    await home[Symbol.asyncDispose]();
  });
  const create = () => withBackend(home.backend, () => Sandbox.builder('box').image(home.disk).create());
  const get = () => withBackend(home.backend, () => Sandbox.get('box'));

  it('only plans when asked to', async () => {
    await using sandbox = await create();
    const planned = await sandbox.modify({ cpus: 2, labels: { a: 'b' }, dryRun: true });
    expect(planned).toMatchObject({
      sandbox: 'box',
      status: 'running',
      applied: false,
      policy: 'no_restart',
    });
    expect(planned.changes.map(({ field }) => field)).toEqual(['cpus', 'max_cpus', 'label']);
    expect((await get()).config()).toMatchObject({ resources: { cpus: 1 }, labels: {} });
  });

  it('changes a stopped sandbox, labels searchable', async () => {
    await (await create()).stop();
    const applied = await (await get()).modify({ memory: 256, env: { X: 'y' }, labels: { team: 'core' } });
    expect(applied.applied).toBe(true);
    const found = await withBackend(home.backend, () =>
      Sandbox.listWith((list) => list.label('team', 'core')),
    );
    expect(found.sandboxes[0]?.config()).toMatchObject({
      resources: { memoryMib: 256 },
      env: [{ key: 'X', value: 'y' }],
    });
  });

  it('refuses what a running sandbox cannot take, and changes nothing', async () => {
    await using sandbox = await create();
    await expect(sandbox.modify({ env: { X: 'y' }, labels: { a: 'b' } })).rejects.toMatchObject({
      code: 'custom',
      message: 'cannot apply modification: env requires restart',
    });
    await expect(sandbox.modify({ cpus: 0 })).rejects.toThrow(
      'cannot apply modification: cpus must be greater than 0',
    );
    await expect(sandbox.modify({ secrets: { K: { value: 'v', allowedHosts: ['h'] } } })).rejects.toThrow(
      'cannot apply modification: secret K requires restart',
    );
    await expect(sandbox.modify({ policy: 'next_start', env: { MSB_X: '' } })).rejects.toThrow(
      'reserved MSB_ prefix',
    );
    expect((await get()).config()).toMatchObject({ env: [], labels: {} });
  });

  it('waits for the next start when told to', async () => {
    await using sandbox = await create();
    await sandbox.modify({ env: { X: 'later' }, policy: 'next_start' });
    expect((await sandbox.shell('echo "[$X]"')).stdout()).toBe('[]\n');
    await sandbox.stop();
    await using again = await (await get()).start();
    expect((await again.shell('echo "[$X]"')).stdout()).toBe('[later]\n');
  });

  it('restarts when told to', async () => {
    const sandbox = await create();
    expect(await sandbox.modify({ env: { X: 'now' }, policy: 'restart' })).toMatchObject({ applied: true });
    const connected = await (await get()).connect();
    expect((await connected.shell('echo "[$X]"')).stdout()).toBe('[now]\n');
  });
});
