import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { referenceMsb } from '@microsandbox/test-utils';
import { MicrosandboxError } from '@microsandbox/types';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appliedMigrations } from './applied-migrations.ts';
import { migrate } from './migrate.ts';
import { MIGRATION_STEPS } from './migration-steps.ts';
import { MIGRATIONS } from './migrations.ts';
import { bookMigration, createBookkeeping } from './seaql-storage.ts';

const TABLES = [
  'config',
  'cpu_allocation',
  'cpu_allocation_cpu',
  'image_ref',
  'layer',
  'maintenance_lease',
  'manifest',
  'manifest_layer',
  'memory_allocation_node',
  'run',
  'sandbox',
  'sandbox_labels',
  'sandbox_rootfs',
  'snapshot_artifact_migration',
  'snapshot_index',
  'volume',
  'volume_attach',
  'writeback_allocation',
];

let folder: string;
let db: Database.Database;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-migration-'));
  db = new Database(join(folder, 'msb.db'));
  db.pragma('foreign_keys = ON');
});
afterEach(async () => {
  db.close();
  await rm(folder, { recursive: true });
});

/** Brings the database to the state after the first `count` steps. */
function migrateTo(count: number): void {
  createBookkeeping(db);
  const done = appliedMigrations(db).length;
  for (const step of MIGRATION_STEPS.slice(done, count)) {
    step.up(db);
    bookMigration(db, step.name);
  }
}

/** Columns, foreign keys and indexes of every table, in a form that ignores quoting and blanks. */
function describeSchema(database: Database.Database): Record<string, unknown> {
  const names = database
    .prepare<[], string>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
    )
    .pluck()
    .all();
  return Object.fromEntries(
    names.map((table) => {
      const all = (pragma: string, name = table) =>
        database.prepare<[string], Record<string, unknown>>(`SELECT * FROM ${pragma}(?)`).all(name);
      const indexes = all('pragma_index_list').map(({ name, unique, origin, partial }) => ({
        name: origin === 'c' ? name : origin,
        unique,
        partial,
        columns: all('pragma_index_info', String(name)).map((column) => column['name']),
      }));
      return [
        table,
        {
          columns: all('pragma_table_info'),
          foreignKeys: all('pragma_foreign_key_list'),
          indexes: indexes.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
        },
      ];
    }),
  );
}

function insertSandbox(name: string, config: unknown, activeConfig?: unknown): void {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  if (activeConfig === undefined) {
    db.prepare(`INSERT INTO sandbox (name, config, status) VALUES (?, ?, 'Stopped')`).run(name, text(config));
  } else {
    db.prepare(`INSERT INTO sandbox (name, config, status, active_config) VALUES (?, ?, 'Running', ?)`).run(
      name,
      text(config),
      text(activeConfig),
    );
  }
}

function storedConfig(name: string, column = 'config'): string {
  return db.prepare<[string], string>(`SELECT ${column} FROM sandbox WHERE name = ?`).pluck().get(name) ?? '';
}

describe('migrate', () => {
  it('creates every table, in list order, with one row a step', async () => {
    expect(await migrate(db)).toEqual(MIGRATIONS);
    expect(Object.keys(describeSchema(db)).filter((name) => name !== 'seaql_migrations')).toEqual(TABLES);
    const rows = db
      .prepare<[], { version: string; applied_at: number }>('SELECT * FROM seaql_migrations ORDER BY rowid')
      .all();
    expect(rows.map(({ version }) => version)).toEqual(MIGRATIONS);
    for (const { applied_at } of rows) expect(Math.abs(applied_at - Date.now() / 1000)).toBeLessThan(60);
    expect(MIGRATION_STEPS.map(({ name }) => name)).toEqual(MIGRATIONS);
  });

  it('is idempotent', async () => {
    await migrate(db);
    const before = describeSchema(db);
    expect(await migrate(db)).toEqual([]);
    expect(describeSchema(db)).toEqual(before);
  });

  it('costs one query when nothing is pending', async () => {
    await migrate(db);
    const statements: string[] = [];
    const watched = new Database(join(folder, 'msb.db'), {
      verbose: (sql) => void statements.push(String(sql)),
    });
    await migrate(watched);
    watched.close();
    expect(statements).toHaveLength(1);
  });

  it.each(MIGRATIONS.map((_, index) => index))('continues after step %i', async (done) => {
    migrateTo(done);
    expect(await migrate(db)).toEqual(MIGRATIONS.slice(done));
  });

  it('recovers from a crash between a step and its bookkeeping, at every step', async () => {
    const clean = new Database(':memory:');
    await migrate(clean);
    createBookkeeping(db);
    for (const step of MIGRATION_STEPS.slice(0, -1)) {
      step.up(db);
      step.up(db);
      bookMigration(db, step.name);
    }
    await migrate(db);
    expect(describeSchema(db)).toEqual(describeSchema(clean));
    clean.close();
  });

  it('connect_and_migrate_recovers_from_partial_storage_migration', async () => {
    migrateTo(2);
    db.exec(`
      CREATE TABLE volume (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name text NOT NULL UNIQUE,
        quota_mib integer, size_bytes bigint, labels text, created_at datetime_text, updated_at datetime_text);
      CREATE TABLE snapshot (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name text NOT NULL,
        sandbox_id integer, size_bytes bigint, description text, created_at datetime_text);
      CREATE UNIQUE INDEX idx_snapshots_name_sandbox_unique ON snapshot (name, sandbox_id);
    `);
    await migrate(db);
    const booked = db
      .prepare('SELECT COUNT(*) FROM seaql_migrations WHERE version = ?')
      .pluck()
      .get('m20260305_000003_create_storage_tables');
    expect(booked).toBe(1);
  });

  it('finishes a snapshot index that was renamed and not yet rebuilt', async () => {
    migrateTo(17);
    db.exec(`
      INSERT INTO snapshot_index (digest, image_ref, image_manifest_digest, format, fstype, artifact_path,
        created_at, indexed_at) VALUES ('sha256:a', 'r', 'm', 'raw', 'ext4', '/p', 'c', 'i');
      ALTER TABLE snapshot_index RENAME TO snapshot_index_pre_v067;
    `);
    await migrate(db);
    expect(db.prepare('SELECT digest, scope, state_kind FROM snapshot_index').all()).toEqual([
      { digest: 'sha256:a', scope: 'disk', state_kind: 'file' },
    ]);
  });

  it('undoes a failed step whole', async () => {
    migrateTo(21);
    insertSandbox('good', { labels: { a: 'b' } });
    insertSandbox('bad', { labels: { a: 1 } });
    db.exec(`INSERT INTO sandbox_labels VALUES (1, 'old', 'row')`);
    await expect(migrate(db)).rejects.toThrow(
      'rebuild labels for sandbox id 2: parse sandbox config JSON: label "a" must have a string value',
    );
    expect(db.prepare('SELECT * FROM sandbox_labels').all()).toHaveLength(1);
    expect(appliedMigrations(db)).toHaveLength(21);
  });
});

describe('schema newer than this release', () => {
  it('refuses schema ahead untouched, with both versions and the way out', async () => {
    await migrate(db);
    db.exec(`INSERT INTO seaql_migrations VALUES ('m20990101_000001_future', 1)`);
    const changes = db.pragma('data_version', { simple: true });
    const error: unknown = await migrate(db).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MicrosandboxError);
    expect(error).toMatchObject({
      code: 'schemaTooNew',
      message: expect.stringContaining(
        `database schema is newer than this msb binary; applied migration "m20990101_000001_future" is not in`,
      ),
      hint: expect.stringMatching(/m20990101_000001_future.*m20260813_000001_share_cpu_allocations.*update/),
    });
    expect(db.pragma('data_version', { simple: true })).toBe(changes);
  });

  it('refuses a gap', async () => {
    await migrate(db);
    db.exec(`DELETE FROM seaql_migrations WHERE version = '${MIGRATIONS[4]}'`);
    await expect(migrate(db)).rejects.toMatchObject({ code: 'schemaTooNew' });
  });

  it('accepts equal migration timestamps', async () => {
    await migrate(db);
    db.exec('UPDATE seaql_migrations SET applied_at = 1');
    expect(await migrate(db)).toEqual([]);
  });
});

describe('data migrations', () => {
  it('8 and 16: a bare reference becomes an object with a managed root disk', async () => {
    migrateTo(7);
    insertSandbox('oci', { name: 'oci', image: { Oci: 'alpine:3' }, labels: {} });
    insertSandbox('bind', { image: { Bind: '/r' } });
    migrateTo(8);
    expect(storedConfig('oci')).toBe(
      '{"name":"oci","image":{"Oci":{"reference":"alpine:3","upper_size_mib":4096}},"labels":{}}',
    );
    await migrate(db);
    expect(storedConfig('oci')).toBe(
      '{"name":"oci","image":{"Oci":{"reference":"alpine:3","root_disk":{"kind":"managed","size_mib":4096}}},"labels":{}}',
    );
    expect(storedConfig('bind')).toBe('{"image":{"Bind":{"path":"/r","follow_root_symlinks":false}}}');
  });

  it('8: refuses a configuration that is no JSON, naming the row', async () => {
    migrateTo(7);
    insertSandbox('broken', '{');
    await expect(migrate(db)).rejects.toThrow('config of sandbox id 1 is not valid JSON');
    expect(appliedMigrations(db)).toHaveLength(7);
  });

  it('15: both spellings, in both columns', () => {
    migrateTo(14);
    insertSandbox('low', { image: { bind: '/a' } }, { image: { bind: '/b' } });
    migrateTo(15);
    expect(storedConfig('low')).toBe('{"image":{"bind":{"path":"/a","follow_root_symlinks":false}}}');
    expect(storedConfig('low', 'active_config')).toContain('"path":"/b"');
  });

  it('16: keeps a root disk that is there, drops a null size, adds rows their defaults', () => {
    migrateTo(15);
    insertSandbox('has', {
      image: { Oci: { reference: 'r', upper_size_mib: 1, root_disk: { kind: 'tmpfs' } } },
    });
    insertSandbox('null', { image: { Oci: { reference: 'r', upper_size_mib: null } } });
    insertSandbox('none', { image: { Oci: { reference: 'r' } } });
    db.exec(`INSERT INTO sandbox_rootfs (sandbox_id, mode) VALUES (1, 'erofs')`);
    migrateTo(16);
    expect(storedConfig('has')).toBe(
      '{"image":{"Oci":{"reference":"r","upper_size_mib":1,"root_disk":{"kind":"tmpfs"}}}}',
    );
    expect(storedConfig('null')).toBe('{"image":{"Oci":{"reference":"r"}}}');
    expect(storedConfig('none')).toBe('{"image":{"Oci":{"reference":"r"}}}');
    expect(db.prepare('SELECT root_disk_kind, root_disk_path FROM sandbox_rootfs').get()).toEqual({
      root_disk_kind: 'managed',
      root_disk_path: null,
    });
  });

  it('keeps numbers that JavaScript cannot hold', async () => {
    migrateTo(7);
    insertSandbox('big', '{"image":{"Oci":"r"},"rlimits":[{"resource":"As","soft":18446744073709551615}]}');
    await migrate(db);
    expect(storedConfig('big')).toContain('18446744073709551615');
  });

  it('22: rebuilds labels from the configurations', async () => {
    migrateTo(21);
    insertSandbox('a', { labels: { z: '1', y: '' } });
    insertSandbox('b', {});
    db.exec(`INSERT INTO sandbox_labels VALUES (2, 'stale', 'x')`);
    await migrate(db);
    expect(db.prepare('SELECT * FROM sandbox_labels ORDER BY key').raw().all()).toEqual([
      [1, 'y', ''],
      [1, 'z', '1'],
    ]);
  });

  it('23: keeps assigned host CPUs and drops reserved ones', async () => {
    migrateTo(22);
    insertSandbox('a', {});
    db.exec(`
      INSERT INTO run (sandbox_id, status) VALUES (1, 'Running');
      INSERT INTO cpu_allocation VALUES ('x', 1, 'auto', 'auto', 'pending', 'f', 'x.lock', 'active', 'now');
      INSERT INTO cpu_allocation_cpu VALUES (3, 'x', 0, 'vcpu'), (4, 'x', NULL, 'reserved');
    `);
    await migrate(db);
    expect(db.prepare('SELECT * FROM cpu_allocation_cpu').raw().all()).toEqual([['x', 0, 3, 'assigned']]);
  });
});

const reference = referenceMsb();

describe.skipIf(reference === null)(
  `against the reference implementation${reference === null ? ' (skipped: its package is not installed)' : ''}`,
  () => {
    it('makes the same schema, and each opens what the other made', async () => {
      const home = join(folder, 'home');
      const run = promisify(execFile);
      const list = () => run(reference ?? '', ['ls'], { env: { MSB_HOME: home }, timeout: 20_000 });
      await list();
      const theirs = new Database(join(home, 'db', 'msb.db'));
      expect(await migrate(theirs)).toEqual([]);
      await migrate(db);
      expect(describeSchema(db)).toEqual(describeSchema(theirs));
      theirs.close();

      await rm(join(home, 'db', 'msb.db'));
      const ours = new Database(join(home, 'db', 'msb.db'));
      await migrate(ours);
      ours.close();
      await expect(list()).resolves.toBeDefined();
    });
  },
);
