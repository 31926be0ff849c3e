import { type BigIntStats, constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@microsandbox/utils';
import { type LegacyDescriptor, parseLegacyDescriptor } from './legacy-descriptor.ts';
import { sha256Digest } from './sha256-digest.ts';
import { MAX_DESCRIPTOR_BYTES, SNAPSHOT_FILES } from './snapshot-files.ts';
import { SnapshotMigrationError } from './snapshot-migration-error.ts';

/** A legacy snapshot as it lies on disk. */
export interface LegacyArtifact {
  readonly path: string;
  readonly legacy: LegacyDescriptor;
  /** SHA-256 of the file itself, which a child may name instead of the canonical form's. */
  readonly rawDigest: string;
  /** Tells whether the payload is still the same file with the same content. */
  readonly payloadIdentity: string;
  /** What `snapshot.json` holds already, after an interrupted translation. */
  readonly published: Buffer | null;
}

/**
 * Reads a legacy snapshot without following links below its folder and without reading its payload.
 *
 * @throws SnapshotMigrationError when it can't be translated
 */
export async function inspectArtifact(path: string): Promise<LegacyArtifact> {
  if (!(await lstat(path)).isDirectory()) fail('legacy_migration_io', 'the artifact is no folder');
  const raw = await readDescriptor(join(path, SNAPSHOT_FILES.legacy));
  if (raw === null) return fail('legacy_migration_io', `${SNAPSHOT_FILES.legacy} is gone`);
  const legacy = parseLegacyDescriptor(raw);
  if ((await lookAt(join(path, SNAPSHOT_FILES.retired))) !== null) {
    fail('legacy_migration_recovery_required', `${SNAPSHOT_FILES.retired} exists already`);
  }
  return {
    path,
    legacy,
    rawDigest: sha256Digest(raw),
    payloadIdentity: await identifyPayload(path, legacy),
    published: await readDescriptor(join(path, SNAPSHOT_FILES.descriptor)),
  };
}

async function identifyPayload(path: string, { upper }: LegacyDescriptor): Promise<string> {
  const stats = await lookAt(join(path, upper.file));
  if (stats === null) return fail('legacy_payload_missing', `${upper.file} does not exist`);
  if (!stats.isFile()) fail('legacy_payload_not_regular', `${upper.file} is not a regular file`);
  if (stats.size !== BigInt(upper.size_bytes)) {
    fail('legacy_payload_size_mismatch', `descriptor=${upper.size_bytes}, file=${stats.size}`);
  }
  const time = (ns: bigint): string => `${ns / 1_000_000_000n}.${ns % 1_000_000_000n}`;
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return `dev=${dev};ino=${ino};len=${size};mtime=${time(mtimeNs)};ctime=${time(ctimeNs)}`;
}

async function lookAt(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Content of a regular file of bounded size, or null when nothing is there. */
async function readDescriptor(path: string): Promise<Buffer | null> {
  // Not to wait for the other end of a named pipe.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) fail('legacy_descriptor_malformed', `${path} is not a regular file`);
    // One byte more shows a file that grew or is too large.
    const buffer = Buffer.alloc(Math.min(stats.size, MAX_DESCRIPTOR_BYTES) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length === buffer.length) {
      fail('legacy_descriptor_malformed', `${path} exceeds ${MAX_DESCRIPTOR_BYTES} bytes`);
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

function fail(code: string, detail: string): never {
  throw new SnapshotMigrationError(code, detail);
}
