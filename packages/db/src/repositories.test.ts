import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CachedImage } from '@microsandbox/types';
import { homeLayout } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sandboxConfig } from '../test/sandbox-config.ts';
import { Catalog } from './catalog.ts';
import { ImageRepository } from './image-repository.ts';
import { LeaseRepository } from './lease-repository.ts';
import { RootfsRepository } from './rootfs-repository.ts';
import { RunRepository } from './run-repository.ts';
import { deleteFinishedEphemeral } from './sandbox-queries.ts';
import { SandboxRepository } from './sandbox-repository.ts';

let home: string;
let catalog: Catalog;
let sandboxes: SandboxRepository;
let runs: RunRepository;
let images: ImageRepository;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-repo-'));
  catalog = await Catalog.open({ layout: homeLayout(home) });
  sandboxes = new SandboxRepository(catalog);
  runs = new RunRepository(catalog);
  images = new ImageRepository(catalog);
});
afterEach(async () => {
  await catalog.close();
  await rm(home, { recursive: true });
});

const countOf = (table: string) =>
  catalog.read((db) => db.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get());

describe('SandboxRepository', () => {
  it('insert_sandbox_record_persists_manifest_digest_in_config_json', async () => {
    await sandboxes.insert(sandboxConfig('web', { manifest_digest: 'sha256:abc123' }));
    const row = await sandboxes.byName('web');
    expect(row).toMatchObject({ status: 'Running', ephemeral: 0, active_config: null });
    expect(JSON.parse(row?.config ?? '')).toMatchObject({ name: 'web', manifest_digest: 'sha256:abc123' });
  });

  it('insert persists label projection', async () => {
    const row = await sandboxes.insert(sandboxConfig('web', { labels: { tier: 'front', empty: '' } }));
    const labels = await catalog.read((db) =>
      db.prepare('SELECT key, value FROM sandbox_labels WHERE sandbox_id = ? ORDER BY key').raw().all(row.id),
    );
    expect(labels).toEqual([
      ['empty', ''],
      ['tier', 'front'],
    ]);
  });

  it('refuses a name that is taken', async () => {
    await sandboxes.insert(sandboxConfig('web'));
    await expect(sandboxes.insert(sandboxConfig('web'))).rejects.toMatchObject({
      code: 'sandboxAlreadyExists',
      message:
        "sandbox already exists: sandbox 'web' already exists; remove it, start the stopped sandbox, or recreate with .replace()",
    });
    expect(await countOf('sandbox')).toBe(1);
  });

  it('list pages after label filter, newest first', async () => {
    for (let index = 1; index <= 6; index += 1) {
      await sandboxes.insert(
        sandboxConfig(`s${index}`, { labels: index % 2 === 0 ? { even: 'yes', all: '1' } : { all: '1' } }),
      );
    }
    const names = async (filter: Parameters<typeof sandboxes.list>[0]) =>
      (await sandboxes.list(filter)).map(({ name }) => name);
    expect(await names({ limit: 2, labels: { even: 'yes' } })).toEqual(['s6', 's4']);
    expect(await names({ limit: 2, labels: { even: 'yes', all: '1' }, beforeId: 4 })).toEqual(['s2']);
    expect(await names({ limit: 10, labels: { even: 'no' } })).toEqual([]);
    expect(await names({ limit: 3 })).toEqual(['s6', 's5', 's4']);
  });

  it('forgets the active configuration in idle states only', async () => {
    const { id } = await sandboxes.insert(sandboxConfig('web'));
    const config = sandboxConfig('web');
    await sandboxes.setActiveConfig(id, config);
    await sandboxes.setStatus(id, 'Draining');
    expect((await sandboxes.byId(id))?.active_config).toBe(JSON.stringify(config));
    expect(await sandboxes.setStatus(id, 'Crashed', ['Running'])).toBe(false);
    expect(await sandboxes.setStatus(id, 'Stopped', ['Running', 'Draining'])).toBe(true);
    expect(await sandboxes.byId(id)).toMatchObject({ status: 'Stopped', active_config: null });
  });

  it('replaces configuration and labels together', async () => {
    const { id } = await sandboxes.insert(sandboxConfig('web', { labels: { a: '1' } }));
    await sandboxes.updateConfig(
      id,
      sandboxConfig('web', { labels: { b: '2' }, lifecycle: { ephemeral: true } }),
    );
    expect(await sandboxes.list({ limit: 1, labels: { a: '1' } })).toEqual([]);
    expect(await sandboxes.list({ limit: 1, labels: { b: '2' } })).toMatchObject([{ ephemeral: 1 }]);
  });

  it('takes runs, labels and pin with it', async () => {
    const { id } = await sandboxes.insert(sandboxConfig('web', { labels: { a: '1' } }));
    await runs.insert({ sandboxId: id, pid: 1 });
    await new RootfsRepository(catalog).replacePin(id, 'sha256:x');
    expect(await sandboxes.remove(id)).toBe(true);
    expect(await sandboxes.remove(id)).toBe(false);
    for (const table of ['sandbox', 'run', 'sandbox_labels', 'sandbox_rootfs']) {
      expect(await countOf(table)).toBe(0);
    }
  });

  it('deletes a self-removing sandbox only at its end', async () => {
    const { id } = await sandboxes.insert(sandboxConfig('tmp', { lifecycle: { ephemeral: true } }));
    expect(await catalog.write((db) => deleteFinishedEphemeral(db, id))).toBe(false);
    await sandboxes.setStatus(id, 'Crashed');
    expect(await catalog.write((db) => deleteFinishedEphemeral(db, id))).toBe(true);
  });
});

describe('RunRepository', () => {
  it('knows the active and the latest run', async () => {
    const { id: sandboxId } = await sandboxes.insert(sandboxConfig('web'));
    expect(await runs.activeRun(sandboxId)).toBeNull();
    const first = await runs.insert({ sandboxId, pid: 10 });
    const second = await runs.insert({ sandboxId, pid: 11 });
    expect(await runs.activeRun(sandboxId)).toMatchObject({ id: second, pid: 11, status: 'Running' });
    await runs.finish(second, { reason: 'Completed', exitCode: 0 });
    // A run that nobody closed ended before the next could begin.
    expect(await runs.activeRun(sandboxId)).toBeNull();
    expect(await runs.finish(first, { reason: 'Completed' })).toBe(false);
    expect(await runs.latestRun(sandboxId)).toMatchObject({
      id: second,
      status: 'Terminated',
      termination_reason: 'Completed',
      exit_code: 0,
    });
  });

  it('closes a run once, and its sandbox with it', async () => {
    const { id: sandboxId } = await sandboxes.insert(sandboxConfig('web'));
    const run = await runs.insert({ sandboxId, pid: 10 });
    const sandbox = { id: sandboxId, status: 'Stopped' } as const;
    expect(await runs.finish(run, { reason: 'IdleTimeout', sandbox })).toBe(true);
    expect(await sandboxes.byId(sandboxId)).toMatchObject({ status: 'Stopped' });
    expect(await runs.finish(run, { reason: 'Signal', exitCode: 1 })).toBe(false);
    expect(await runs.latestRun(sandboxId)).toMatchObject({
      termination_reason: 'IdleTimeout',
      exit_code: null,
    });
  });
});

describe('RootfsRepository', () => {
  it.each([
    ['upserts_rootfs_record', 'sha256:one'],
    ['replaces_stale_pin_for_different_digest', 'sha256:two'],
  ])('persist_oci_manifest_pin_%s', async (_, second) => {
    const { id } = await sandboxes.insert(sandboxConfig('web'));
    const pins = new RootfsRepository(catalog);
    await pins.replacePin(id, 'sha256:one');
    await pins.replacePin(id, second);
    const rows = await catalog.read((db) => db.prepare('SELECT * FROM sandbox_rootfs').all());
    expect(rows).toMatchObject([
      { sandbox_id: id, mode: 'erofs', upper_fstype: 'ext4', manifest_id: null, root_disk_kind: 'managed' },
    ]);
  });
});

const image = (digest: string, layers: readonly string[]): CachedImage => ({
  manifest_digest: digest,
  config_digest: `${digest}-config`,
  raw_manifest_json: '{}',
  raw_config_json: '{}',
  config: {
    env: ['PATH=/bin'],
    cmd: ['sh'],
    entrypoint: null,
    working_dir: '/w',
    user: null,
    exposed_ports: [],
    volumes: [],
    labels: {},
    stop_signal: null,
  },
  layers: layers.map((diff_id) => ({
    digest: `blob-${diff_id}`,
    media_type: 'layer',
    size_bytes: 100,
    diff_id,
  })),
});

const platform = { architecture: 'amd64', os: 'linux' };

describe('ImageRepository', () => {
  it('records an image once, whatever the number of pulls', async () => {
    await images.persist('busybox', image('m1', ['a', 'b']), platform);
    const first = await images.byReference('busybox');
    await images.persist('busybox', image('m1', ['a', 'b']), platform);
    const again = await images.byReference('busybox');
    expect(first).toMatchObject({
      digest: 'm1',
      layer_count: 2,
      total_size_bytes: 200,
      architecture: 'amd64',
    });
    expect(again?.created_at).toBe(first?.created_at);
    expect(Number(again && first && (again.updated_at ?? '') > (first.updated_at ?? ''))).toBe(1);
    expect(await countOf('layer')).toBe(2);
    const { config, layers } = await images.detail('busybox');
    expect(config).toMatchObject({ env: '["PATH=/bin"]', cmd: '["sh"]', entrypoint: null, labels: null });
    expect(layers.map(({ diff_id, position }) => [diff_id, position])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
  });

  it('keeps a layer that stands twice in one image', async () => {
    await images.persist('twice', image('m1', ['a', 'b', 'a']), platform);
    expect((await images.detail('twice')).layers.map(({ diff_id }) => diff_id)).toEqual(['a', 'b', 'a']);
  });

  it('moves a reference to a new manifest', async () => {
    await images.persist('app:latest', image('m1', ['a']), platform);
    await images.persist('app:latest', image('m2', ['a', 'c']), platform);
    expect(await images.byReference('app:latest')).toMatchObject({ digest: 'm2' });
    expect(await images.list()).toHaveLength(1);
  });

  it('removes what nothing else needs, and says what that was', async () => {
    await images.persist('one', image('m1', ['shared', 'own']), platform);
    await images.persist('alias', image('m1', ['shared', 'own']), platform);
    await images.persist('two', image('m2', ['shared']), platform);
    expect(await images.remove('alias')).toEqual({
      references: ['alias'],
      manifestDigests: [],
      layerDiffIds: [],
    });
    expect(await images.remove('one')).toEqual({
      references: ['one'],
      manifestDigests: ['m1'],
      layerDiffIds: ['own'],
    });
    await expect(images.remove('one')).rejects.toThrow('image not found: one');
  });

  it('refuses to remove an image in use', async () => {
    await images.persist('one', image('m1', ['a']), platform);
    const { id } = await sandboxes.insert(sandboxConfig('web'));
    await new RootfsRepository(catalog).replacePin(id, 'm1');
    await expect(images.remove('one')).rejects.toMatchObject({
      code: 'imageInUse',
      message: `image in use by sandbox(es): ${id}`,
    });
    expect(await images.usedBy('one')).toEqual([id]);
    await expect(images.remove('one', { force: true })).rejects.toMatchObject({ code: 'imageInUse' });
    await images.persist('alias', image('m1', ['a']), platform);
    await images.remove('alias', { force: true });
    expect(await images.byReference('one')).not.toBeNull();
  });

  it('prunes all but what sandboxes and snapshots need', async () => {
    for (const name of ['used', 'snapshotted', 'idle']) {
      await images.persist(name, image(`m-${name}`, [`l-${name}`, 'shared']), platform);
    }
    const { id } = await sandboxes.insert(sandboxConfig('web'));
    await new RootfsRepository(catalog).replacePin(id, 'm-used');
    await catalog.write((db) =>
      db.exec(`INSERT INTO snapshot_index (digest, scope, state_kind, image_ref, image_manifest_digest,
        artifact_path, created_at, indexed_at) VALUES ('d', 'disk', 'file', 'r', 'm-snapshotted', '/p', 'c', 'i')`),
    );
    expect(await images.prune()).toEqual({
      references: ['idle'],
      manifestDigests: ['m-idle'],
      layerDiffIds: ['l-idle'],
    });
    expect((await images.list()).map(({ reference }) => reference).sort()).toEqual(['snapshotted', 'used']);
  });
});

describe('LeaseRepository', () => {
  it('has one holder, an end and a rest', async () => {
    const leases = new LeaseRepository(catalog);
    const terms = { holderPid: 1, durationMs: 10_000, restMs: 30_000 };
    const lease = await leases.acquire('sweep', terms);
    expect(lease).not.toBeNull();
    expect(await leases.acquire('sweep', { ...terms, holderPid: 2 })).toBeNull();
    if (lease) await leases.complete(lease);
    expect(await leases.acquire('sweep', terms)).toBeNull();
    expect(await leases.acquire('sweep', { ...terms, restMs: 0 })).not.toBeNull();
  });

  it('passes to another when its time is over, and tells the late holder', async () => {
    const leases = new LeaseRepository(catalog);
    const lost = await leases.acquire('sweep', { holderPid: 1, durationMs: 0 });
    expect(await leases.acquire('sweep', { holderPid: 2, durationMs: 10_000 })).not.toBeNull();
    if (lost === null) throw new Error('the first holder got no lease');
    await expect(leases.complete(lost)).rejects.toThrow('no longer held by this process');
  });
});
