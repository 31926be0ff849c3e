import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import type { VolumeRow } from './rows.ts';

/** What a new volume is. */
export interface NewVolume {
  readonly name: string;
  readonly kind: 'dir' | 'disk';
  readonly quotaMib: number | null;
  /** Of a disk. */
  readonly capacityBytes: number | null;
  readonly labels: readonly (readonly [key: string, value: string])[];
}

const COLUMNS = `id, name, quota_mib, size_bytes, labels, created_at, updated_at, kind, capacity_bytes,
  disk_format, disk_fstype`;

export function volumeByName(db: Database, name: string): VolumeRow | null {
  return db.prepare<[string], VolumeRow>(`SELECT ${COLUMNS} FROM volume WHERE name = ?`).get(name) ?? null;
}

/** Newest first. */
export function listVolumes(db: Database): VolumeRow[] {
  return db.prepare<[], VolumeRow>(`SELECT ${COLUMNS} FROM volume ORDER BY created_at DESC, id DESC`).all();
}

/** @throws SqliteError when the name is taken */
export function insertVolume(db: Database, volume: NewVolume): void {
  const now = utcTimestamp();
  const isDisk = volume.kind === 'disk';
  db.prepare(
    `INSERT INTO volume (name, quota_mib, labels, created_at, updated_at, kind, capacity_bytes, disk_format,
       disk_fstype) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    volume.name,
    volume.quotaMib,
    volume.labels.length > 0 ? JSON.stringify(volume.labels) : null,
    now,
    now,
    volume.kind,
    volume.capacityBytes,
    isDisk ? 'raw' : null,
    isDisk ? 'ext4' : null,
  );
}

/** False when there was none. */
export function deleteVolume(db: Database, name: string): boolean {
  return db.prepare('DELETE FROM volume WHERE name = ?').run(name).changes > 0;
}

/** Sandboxes that may have volumes mounted now, with the configuration that their machines run with. */
export function sandboxesWithMachine(
  db: Database,
): { readonly name: string; readonly config: string; readonly active_config: string | null }[] {
  return db
    .prepare<[], { name: string; config: string; active_config: string | null }>(
      `SELECT name, config, active_config FROM sandbox
       WHERE status IN ('Starting', 'Running', 'Draining', 'Paused') ORDER BY id`,
    )
    .all();
}
