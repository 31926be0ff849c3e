import { once } from 'node:events';
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { referenceMsb, runReference } from '@microsandbox/test-utils';
import { type HomeLayout, homeLayout, utcTimestamp } from '@microsandbox/utils';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { legacyDescriptor, writeLegacySnapshot, writeParentGraph } from '../../test/legacy-snapshot.ts';
import { startChild } from '../../test/run-child.ts';
import { Catalog } from '../catalog.ts';

let folder: string;
let layout: HomeLayout;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-snapshots-'));
  layout = homeLayout(join(folder, 'home'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const at = (...parts: string[]) => join(layout.snapshotsDir, ...parts);
const open = async (home = layout) => (await Catalog.open({ layout: home })).close();

interface Row {
  readonly [column: string]: unknown;
}

function rows(sql: string, home = layout): Row[] {
  const db = new Database(home.dbFile, { readonly: true });
  try {
    return db.prepare<[], Row>(sql).all();
  } finally {
    db.close();
  }
}

const indexRows = (home?: HomeLayout) => rows('SELECT * FROM snapshot_index ORDER BY name', home);
const journalRows = (home?: HomeLayout) =>
  rows('SELECT * FROM snapshot_artifact_migration ORDER BY artifact_path', home);
const errorsByName = () =>
  Object.fromEntries(
    journalRows().map((row) => [String(row['artifact_path']).slice(at('/').length), row['error_code']]),
  );

/** What a translated parent graph looks like, whatever happened on the way. */
async function expectTranslated(): Promise<void> {
  const index = indexRows();
  expect(index).toMatchObject([
    { name: 'child', child_count: 0, migration_state: 'complete', created_at: '2026-07-01 10:00:00.120' },
    { name: 'root', child_count: 1, parent_digest: null, artifact_path: at('root'), size_bytes: 5 },
  ]);
  const child = JSON.parse(await readFile(at('child', 'snapshot.json'), 'utf8'));
  expect(child.parent).toBe(index[1]?.['digest']);
  expect(index[0]?.['parent_digest']).toBe(child.parent);
  for (const name of ['root', 'child']) {
    expect((await readdir(at(name))).filter((file) => !file.endsWith('.tmp'))).toEqual([
      '.manifest.json.legacy',
      '.snapshot-migration.lock',
      'snapshot.json',
      'upper.ext4',
    ]);
    expect((await stat(at(name, 'snapshot.json'))).mode & 0o777).toBe(0o600);
  }
  expect(journalRows()).toMatchObject([
    { phase: 'complete', error_code: null, target_parent_digest: child.parent },
    { phase: 'complete', error_code: null, target_digest: child.parent },
  ]);
  expect(rows('SELECT holder_pid FROM maintenance_lease')).toEqual([{ holder_pid: null }]);
}

describe('translating legacy snapshots', () => {
  it('translates v0.6.6 parent graph', async () => {
    await writeParentGraph(layout.snapshotsDir);
    await open();
    await expectTranslated();
    const before = [indexRows(), journalRows(), rows('SELECT * FROM maintenance_lease')];
    await open();
    expect([indexRows(), journalRows(), rows('SELECT * FROM maintenance_lease')]).toEqual(before);
  });

  it('finds the parent of a snapshot that comes later', async () => {
    await writeParentGraph(layout.snapshotsDir);
    await cp(at('child'), join(folder, 'child'), { recursive: true });
    await rm(at('child'), { recursive: true });
    await open();
    await cp(join(folder, 'child'), at('child'), { recursive: true });
    await open();
    await expectTranslated();
  });

  it('continues after a crash before any of its steps', async () => {
    await open();
    for (let survived = 0, isWhole = false; !isWhole; survived += 1) {
      const home = homeLayout(join(folder, `cut-${survived}`));
      await cp(layout.home, home.home, { recursive: true });
      await writeParentGraph(home.snapshotsDir);
      const child = startChild('open-and-die.ts', [home.home, String(survived)]);
      const [code, signal] = await once(child, 'close');
      isWhole = code === 0;
      if (!isWhole) expect([survived, signal]).toEqual([survived, 'SIGKILL']);
      if (isWhole) expect(survived).toBeGreaterThan(12);
      const whole = layout;
      layout = home;
      await open();
      await expectTranslated();
      layout = whole;
    }
  }, 120_000);

  it('does not take the lease of an installation for one that was left', async () => {
    await writeParentGraph(layout.snapshotsDir);
    await open();
    const db = new Database(layout.dbFile);
    db.exec(`UPDATE snapshot_artifact_migration SET phase = 'planned', updated_at = '2026-01-01 00:00:00'`);
    db.prepare('UPDATE maintenance_lease SET holder_pid = 1, lease_expires_at = ?').run(
      utcTimestamp(Date.now() + 1_800_000),
    );
    db.close();
    await expect(open()).rejects.toThrow('microsandbox install operation in progress');
  });

  it('translates what the index lists elsewhere, and replaces its row', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const digest = await writeLegacySnapshot(elsewhere);
    await open();
    const db = new Database(layout.dbFile);
    db.prepare(
      `INSERT INTO snapshot_index (digest, scope, state_kind, image_ref, image_manifest_digest, artifact_path,
         created_at, indexed_at) VALUES (?, 'disk', 'file', '', '', ?, '', '')`,
    ).run(digest, elsewhere);
    db.close();
    await open();
    expect(indexRows()).toMatchObject([{ name: 'elsewhere', artifact_path: elsewhere, fstype: 'ext4' }]);
    expect(indexRows()[0]?.['digest']).not.toBe(digest);
  });

  it('leaves alone what it can not translate, says why once, and opens', async () => {
    await writeLegacySnapshot(at('sound'));
    await writeLegacySnapshot(at('.hidden'));
    await writeLegacySnapshot(
      join(folder, 'outside'),
      legacyDescriptor({ created_at: '2026-01-01T00:00:00Z' }),
    );
    await symlink(join(folder, 'outside'), at('link'));
    await mkdir(at('empty'));
    await writeLegacySnapshot(at('malformed'), '{');
    await writeLegacySnapshot(at('huge'), `${legacyDescriptor()}${' '.repeat(1024 * 1024)}`);
    await writeLegacySnapshot(at('linked-descriptor'));
    await rm(at('linked-descriptor', 'manifest.json'));
    await symlink(join(folder, 'outside', 'manifest.json'), at('linked-descriptor', 'manifest.json'));
    await writeLegacySnapshot(at('linked-upper'));
    await rm(at('linked-upper', 'upper.ext4'));
    await symlink(join(folder, 'outside', 'upper.ext4'), at('linked-upper', 'upper.ext4'));
    await writeLegacySnapshot(at('no-upper'));
    await rm(at('no-upper', 'upper.ext4'));
    await writeLegacySnapshot(at('short'));
    await truncate(at('short', 'upper.ext4'), 4);
    await writeLegacySnapshot(at('orphan'), legacyDescriptor({ parent: `sha256:${'1'.repeat(64)}` }));
    await writeLegacySnapshot(at('strange'), legacyDescriptor({ labels: { strange: 'yes' } }));
    await writeFile(at('strange', 'snapshot.json'), '{}');
    await writeLegacySnapshot(at('retired'));
    await writeFile(at('retired', '.manifest.json.legacy'), '');

    await open();
    expect(errorsByName()).toEqual({
      sound: null,
      malformed: 'legacy_descriptor_malformed',
      huge: 'legacy_descriptor_malformed',
      'linked-descriptor': 'legacy_migration_io',
      'linked-upper': 'legacy_payload_not_regular',
      'no-upper': 'legacy_payload_missing',
      short: 'legacy_payload_size_mismatch',
      orphan: 'legacy_parent_missing',
      strange: 'legacy_target_collision',
      retired: 'legacy_migration_recovery_required',
    });
    expect(indexRows()).toMatchObject([{ name: 'sound' }]);
    expect(await readFile(at('strange', 'snapshot.json'), 'utf8')).toBe('{}');
    expect(await readdir(join(folder, 'outside'))).toEqual(['manifest.json', 'upper.ext4']);
    const before = journalRows();
    await open();
    expect(journalRows()).toEqual(before);
  });

  it('does nothing for who only reads, and survives a snapshots folder that is none', async () => {
    await writeParentGraph(layout.snapshotsDir);
    await (await Catalog.open({ layout, readOnly: true })).close();
    expect(await readdir(at('root'))).toEqual(['manifest.json', 'upper.ext4']);
    await rm(layout.snapshotsDir, { recursive: true });
    await writeFile(layout.snapshotsDir, '');
    await open();
    expect(journalRows()).toEqual([]);
  });
});

const reference = referenceMsb();

describe.skipIf(reference === null)(
  `against the reference implementation${reference === null ? ' (skipped: its package is not installed)' : ''}`,
  () => {
    it('makes the same descriptors and rows', async () => {
      await writeParentGraph(layout.snapshotsDir);
      const digest = `sha256:${'b'.repeat(64)}`;
      const upper = (algorithm: string) => ({
        file: 'upper.ext4',
        size_bytes: 5,
        integrity: { algorithm, digest },
      });
      await writeLegacySnapshot(at('sha'), legacyDescriptor({ upper: upper('sha256') }));
      const pretty = legacyDescriptor({
        upper: upper('msb-sparse-sha256-v1'),
        created_at: '2026-07-01T10:00:01.123456789Z',
      });
      await writeLegacySnapshot(at('pretty'), JSON.stringify(JSON.parse(pretty), null, 2));
      await writeLegacySnapshot(at('unknown'), legacyDescriptor({ upper: upper('md5') }));
      await writeLegacySnapshot(at('qcow2'), legacyDescriptor({ format: 'qcow2' }));

      // The index holds absolute paths: both work on the same place, one after the other.
      await cp(layout.home, join(folder, 'copy'), { recursive: true });
      await open();
      const ours = await result();
      await rm(layout.home, { recursive: true });
      await cp(join(folder, 'copy'), layout.home, { recursive: true });
      expect(await runReference(reference ?? '', layout.home, ['snapshot', 'ls'])).toMatchObject({ code: 0 });
      expect(ours).toEqual(await result());
    }, 60_000);

    /** Everything but times, file numbers and the words of errors. */
    async function result(): Promise<unknown> {
      const descriptors: Record<string, string> = {};
      for (const name of await readdir(layout.snapshotsDir)) {
        // It makes its lock file even where nothing is to be done.
        const files = (await readdir(at(name))).filter((file) => !file.endsWith('.lock')).sort();
        descriptors[name] =
          `${files} ${await readFile(at(name, 'snapshot.json'), 'utf8').catch(() => 'none')}`;
      }
      return {
        descriptors,
        index: indexRows().map(({ indexed_at, ...row }) => row),
        journal: rows(
          `SELECT kind, artifact_path, indexed_digest, source_digest, target_digest, source_parent_digest,
             target_parent_digest, payload_integrity, payload_size, phase, error_code, recovery_member,
             translation_source, completed_at IS NULL AS open
           FROM snapshot_artifact_migration ORDER BY artifact_path`,
        ),
      };
    }
  },
);
