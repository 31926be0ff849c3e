import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIGRATIONS } from '@microsandbox/migration';
import { type HomeLayout, homeLayout, utcTimestamp } from '@microsandbox/utils';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runChild, startChild } from '../test/run-child.ts';
import { sandboxConfig } from '../test/sandbox-config.ts';
import { Catalog } from './catalog.ts';
import { openReader } from './connection.ts';
import { SandboxRepository } from './sandbox-repository.ts';

let layout: HomeLayout;
beforeEach(async () => {
  layout = homeLayout(join(await mkdtemp(join(tmpdir(), 'msb-db-')), 'home'));
});
afterEach(async () => {
  await rm(join(layout.home, '..'), { recursive: true });
});

const openRaw = () => new Database(layout.dbFile);

/** Makes a migrated database and changes it with SQL. */
async function prepared(sql = ''): Promise<void> {
  await (await Catalog.open({ layout })).close();
  const db = openRaw();
  db.exec(sql);
  db.close();
}

/** Locks on the database file that keep other processes from removing its WAL, as the kernel sees them. */
async function sharedLocks(): Promise<number> {
  const { ino } = await stat(layout.dbFile);
  const lines = (await readFile('/proc/locks', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(' POSIX ') && line.includes(`:${ino} `)).length;
}

describe('Catalog.open', () => {
  it('connect_and_migrate_creates_db_and_tables, private', async () => {
    await using catalog = await Catalog.open({ layout });
    const tables = await catalog.read((db) =>
      db
        .prepare(
          `SELECT name FROM sqlite_master WHERE type = 'table'
           AND name NOT LIKE 'seaql_%' AND name != 'sqlite_sequence' ORDER BY name`,
        )
        .pluck()
        .all(),
    );
    expect(tables).toHaveLength(18);
    expect(tables).toContain('writeback_allocation');
    expect((await stat(layout.dbFile)).mode & 0o777).toBe(0o600);
    expect((await stat(layout.dbDir)).mode & 0o777).toBe(0o700);
    expect((await stat(layout.migrationLock)).mode & 0o777).toBe(0o600);
  });

  it('connect_and_migrate_is_idempotent', async () => {
    await (await Catalog.open({ layout })).close();
    await using catalog = await Catalog.open({ layout });
    const rows = await catalog.read((db) => db.prepare('SELECT version FROM seaql_migrations').all());
    expect(rows).toHaveLength(MIGRATIONS.length);
  });

  it('configures both connections', async () => {
    await using catalog = await Catalog.open({ layout });
    for (const use of ['read', 'write'] as const) {
      const pragma = (name: string) => catalog[use]((db) => db.pragma(name, { simple: true }));
      expect(await pragma('journal_mode')).toBe('wal');
      expect(await pragma('foreign_keys')).toBe(1);
      expect(await pragma('busy_timeout')).toBe(0);
    }
    expect(await catalog.write((db) => db.pragma('synchronous', { simple: true }))).toBe(1);
  });

  it('read pool open on missing DB fails and creates nothing', async () => {
    await mkdir(layout.dbDir, { recursive: true });
    expect(() => openReader(layout.dbFile)).toThrow('unable to open database file');
    expect(await readdir(layout.dbDir)).toEqual([]);
  });

  it('refuses schema ahead untouched, also for reading', async () => {
    await prepared(`INSERT INTO seaql_migrations VALUES ('m20990101_000001_future', 1)`);
    const before = await readFile(layout.dbFile);
    for (const readOnly of [false, true]) {
      await expect(Catalog.open({ layout, readOnly })).rejects.toMatchObject({
        code: 'schemaTooNew',
        message: expect.stringContaining('database schema is newer'),
      });
    }
    expect((await readFile(layout.dbFile)).equals(before)).toBe(true);
  });

  it('refuses active install lease', async () => {
    const until = utcTimestamp(Date.now() + 600_000);
    await prepared(`INSERT INTO maintenance_lease VALUES ('install_exclusive', 1, '${until}', NULL)`);
    await expect(Catalog.open({ layout })).rejects.toThrow(
      `microsandbox install operation in progress until ${until}; retry after it completes`,
    );
    await (await Catalog.open({ layout, readOnly: true })).close();
  });

  it('opens after an install lease ran out', async () => {
    const until = utcTimestamp(Date.now() - 1000);
    await prepared(`INSERT INTO maintenance_lease VALUES ('install_exclusive', 1, '${until}', NULL)`);
    await (await Catalog.open({ layout })).close();
  });

  it.each([
    ['database_reverted', '{"phase":"database_reverted"}'],
    ['no journal', null],
    ['invalid journal', '{'],
  ])('refuses incomplete self-downgrade (%s) before the database exists', async (_, journal) => {
    const operation = join(layout.dbDir, 'self-downgrade', 'op1');
    await mkdir(operation, { recursive: true });
    if (journal !== null) await writeFile(join(operation, 'journal.json'), journal);
    await expect(Catalog.open({ layout })).rejects.toThrow('self_downgrade_recovery_required: ');
    expect(existsSync(layout.dbFile)).toBe(false);
  });

  it('passes a completed downgrade and hidden folders', async () => {
    const root = join(layout.dbDir, 'self-downgrade');
    await mkdir(join(root, 'op1'), { recursive: true });
    await mkdir(join(root, '.hidden'));
    await writeFile(join(root, 'op1', 'journal.json'), '{"phase":"complete"}');
    await (await Catalog.open({ layout })).close();
  });

  it('names the file when it is no database', async () => {
    await mkdir(layout.dbDir, { recursive: true });
    await writeFile(
      layout.dbFile,
      'not a database, but long enough to have a header of one hundred bytes '.repeat(9),
    );
    await expect(Catalog.open({ layout })).rejects.toThrow(
      `connect to ${layout.dbFile}: file is not a database`,
    );
    await expect(Catalog.open({ layout, readOnly: true })).rejects.toMatchObject({ code: 'custom' });
  });

  it.skipIf(process.platform !== 'linux')('takes no lock from a catalog that is open already', async () => {
    await prepared();
    await using reader = await Catalog.open({ layout, readOnly: true });
    expect(await sharedLocks()).toBe(1);
    await using writer = await Catalog.open({ layout });
    expect(await sharedLocks()).toBe(1);
    await (await Catalog.open({ layout })).close();
    expect(await sharedLocks()).toBe(1);
    expect([reader.writable, writer.writable]).toEqual([false, true]);
  });

  it('first use by eight processes at once is safe, and nothing is lost', async () => {
    const children = Array.from({ length: 8 }, (_, index) =>
      runChild('open-and-insert.ts', [layout.home, `p${index}`, '25']),
    );
    await Promise.all(children);
    await using catalog = await Catalog.open({ layout });
    const [count, integrity] = await catalog.read((db) => [
      db.prepare('SELECT COUNT(DISTINCT name) FROM sandbox').pluck().get(),
      db.pragma('integrity_check', { simple: true }),
    ]);
    expect(count).toBe(200);
    expect(integrity).toBe('ok');
  }, 120_000);
});

describe('a read-only catalog', () => {
  it('of a missing home is empty and creates nothing', async () => {
    await using catalog = await Catalog.open({ layout, readOnly: true });
    expect(await new SandboxRepository(catalog).list({ limit: 10 })).toEqual([]);
    expect(existsSync(layout.home)).toBe(false);
  });

  it('shows an older database as this release would see it, and leaves it alone', async () => {
    await prepared(`
      INSERT INTO sandbox (name, config, status) VALUES ('old', '{}', 'Stopped');
      DELETE FROM seaql_migrations WHERE version = '${MIGRATIONS.at(-1)}';
      DELETE FROM seaql_migrations WHERE version = '${MIGRATIONS.at(-2)}';
      ALTER TABLE cpu_allocation_cpu RENAME COLUMN role TO role_of_old;
      ALTER TABLE cpu_allocation_cpu RENAME COLUMN role_of_old TO role;
    `);
    await using catalog = await Catalog.open({ layout, readOnly: true });
    const rows = await new SandboxRepository(catalog).list({ limit: 10 });
    expect(rows).toMatchObject([{ name: 'old', status: 'Stopped' }]);
    const raw = openRaw();
    expect(raw.prepare('SELECT COUNT(*) FROM seaql_migrations').pluck().get()).toBe(MIGRATIONS.length - 2);
    raw.close();
  });

  it('refuses to write', async () => {
    await prepared();
    await using catalog = await Catalog.open({ layout, readOnly: true });
    expect(catalog.writable).toBe(false);
    await expect(catalog.write(() => 1)).rejects.toMatchObject({ code: 'database' });
  });
});

describe('writing', () => {
  it('waits for another process without blocking the event loop', async () => {
    await using catalog = await Catalog.open({ layout });
    const holder = startChild('hold-write-lock.ts', [layout.dbFile, '400']);
    const closed = once(holder, 'close');
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    let longestGapMs = 0;
    let last = performance.now();
    const ticker = setInterval(() => {
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - last);
      last = now;
    }, 5);
    const row = await new SandboxRepository(catalog).insert(sandboxConfig('patient'));
    clearInterval(ticker);
    expect(row.name).toBe('patient');
    expect(longestGapMs).toBeLessThan(150);
    await closed;
  });

  it('gives up with a coded error when the other does not', async () => {
    await using catalog = await Catalog.open({
      layout,
      config: { database: { max_connections: 5, connect_timeout_secs: 30, busy_timeout_secs: 1 } },
    });
    const holder = startChild('hold-write-lock.ts', [layout.dbFile, '20000']);
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    await expect(catalog.write((db) => db.exec('DELETE FROM sandbox'))).rejects.toMatchObject({
      code: 'database',
      message: 'database error: database is locked',
    });
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  it('undoes everything when the change throws', async () => {
    await using catalog = await Catalog.open({ layout });
    const failing = catalog.write((db) => {
      db.exec(`INSERT INTO sandbox (name, config, status) VALUES ('x', '{}', 'Running')`);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await new SandboxRepository(catalog).byName('x')).toBeNull();
  });
});
