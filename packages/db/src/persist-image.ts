import type { CachedImage } from '@microsandbox/types';
import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';

/** What an image was chosen for, in OCI's words: `amd64`, `linux`. */
export interface ImagePlatform {
  readonly architecture: string;
  readonly os: string;
}

/**
 * Records an image under a reference (spec: image 17). An image that is known already only gets new times of
 * use. Runs inside the caller's transaction.
 */
export function persistImage(
  db: Database,
  reference: string,
  image: CachedImage,
  platform: ImagePlatform,
): void {
  const now = utcTimestamp();
  if (isKnown(db, reference, image)) {
    const touch = db.prepare('UPDATE layer SET last_used_at = ? WHERE diff_id = ?');
    for (const { diff_id } of image.layers) touch.run(now, diff_id);
    db.prepare('UPDATE image_ref SET updated_at = ? WHERE reference = ?').run(now, reference);
    return;
  }
  const manifestId = upsertManifest(db, image, platform, now);
  replaceConfig(db, manifestId, image, now);
  replaceLayers(db, manifestId, image, now);
  db.prepare(
    `INSERT INTO image_ref (reference, manifest_id, created_at, updated_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (reference) DO UPDATE SET manifest_id = excluded.manifest_id, updated_at = excluded.updated_at`,
  ).run(reference, manifestId, now, now);
}

function isKnown(db: Database, reference: string, image: CachedImage): boolean {
  const digest = db
    .prepare('SELECT m.digest FROM image_ref r JOIN manifest m ON m.id = r.manifest_id WHERE r.reference = ?')
    .pluck()
    .get(reference);
  if (digest !== image.manifest_digest) return false;
  const layer = db.prepare('SELECT 1 FROM layer WHERE diff_id = ?');
  return image.layers.every(({ diff_id }) => layer.get(diff_id) !== undefined);
}

function upsertManifest(db: Database, image: CachedImage, platform: ImagePlatform, now: string): number {
  const total = image.layers.reduce((sum, layer) => sum + (layer.size_bytes ?? 0), 0);
  db.prepare(
    `INSERT INTO manifest (digest, config_digest, architecture, os, layer_count, total_size_bytes, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
  ).run(
    image.manifest_digest,
    image.config_digest,
    platform.architecture,
    platform.os,
    image.layers.length,
    total,
    now,
  );
  return db
    .prepare<[string], number>('SELECT id FROM manifest WHERE digest = ?')
    .pluck()
    .get(image.manifest_digest) as number;
}

function replaceConfig(db: Database, manifestId: number, image: CachedImage, now: string): void {
  const { config } = image;
  db.prepare('DELETE FROM config WHERE manifest_id = ?').run(manifestId);
  db.prepare(
    `INSERT INTO config (manifest_id, digest, env, cmd, entrypoint, working_dir, user, labels, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    manifestId,
    image.config_digest,
    config.env.length === 0 ? null : JSON.stringify(config.env),
    jsonOrNull(config.cmd),
    jsonOrNull(config.entrypoint),
    config.working_dir,
    config.user,
    Object.keys(config.labels).length === 0 ? null : JSON.stringify(config.labels),
    now,
  );
}

function replaceLayers(db: Database, manifestId: number, image: CachedImage, now: string): void {
  db.prepare('DELETE FROM manifest_layer WHERE manifest_id = ?').run(manifestId);
  const upsert = db.prepare(
    `INSERT INTO layer (diff_id, blob_digest, media_type, compressed_size_bytes, created_at, last_used_at)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (diff_id) DO UPDATE SET last_used_at = excluded.last_used_at`,
  );
  const link = db.prepare(
    `INSERT INTO manifest_layer (manifest_id, layer_id, position)
     VALUES (?, (SELECT id FROM layer WHERE diff_id = ?), ?)`,
  );
  for (const [position, layer] of image.layers.entries()) {
    upsert.run(layer.diff_id, layer.digest, layer.media_type, layer.size_bytes, now, now);
    link.run(manifestId, layer.diff_id, position);
  }
}

function jsonOrNull(value: readonly string[] | null): string | null {
  return value === null ? null : JSON.stringify(value);
}
