import { type VolumeRow, volumeByName } from '@microsandbox/db';
import type { FileLock } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import type { VolumeMount } from '../builders/mount-builder.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { createLockedVolume, volumeAlreadyExists } from './create-volume.ts';
import { removeVolume, volumeNotFound } from './remove-volume.ts';
import { lockVolume } from './volume-place.ts';
import { assertVolumeSpec, type VolumeSpec } from './volume-spec.ts';

const MIB = 1024 * 1024;

/** What a sandbox says about a volume that it mounts. */
interface VolumeIntent {
  readonly mode: 'existing' | 'create' | 'ensure-exists';
  readonly spec: VolumeSpec;
}

/** Volumes that were made for a sandbox. */
export interface EnsuredVolumes {
  /** Takes away what was made, because the sandbox cannot be. */
  undo(): Promise<void>;
}

/**
 * Sees to it that the volumes of a new sandbox are there and are what it expects, and makes those that it wants made
 * (spec: state 21). All or none.
 *
 * @throws VolumeNotFoundError, VolumeAlreadyExistsError
 * @throws InvalidConfigError when a volume is of another kind or size
 */
export async function ensureVolumes(
  backend: LocalBackend,
  mounts: readonly VolumeMount[],
): Promise<EnsuredVolumes> {
  const intents = mounts.filter(({ kind }) => kind === 'named').map(intentOf);
  const made: string[] = [];
  const undo = async (): Promise<void> => {
    for (const name of made.splice(0)) await removeVolume(backend, name).catch(() => {});
  };
  if (intents.length === 0) return { undo };
  const layout = await backend.layout();
  const locks: FileLock[] = [];
  try {
    // In one order for all, so that two sandboxes never wait for each other.
    for (const name of [...new Set(intents.map(({ spec }) => spec.name))].sort()) {
      locks.push(await lockVolume(layout, name));
    }
    for (const { mode, spec } of intents) {
      const row = await backend.reading((catalog) => catalog.read((db) => volumeByName(db, spec.name)));
      if (row === null) {
        if (mode === 'existing') throw volumeNotFound(spec.name);
        await createLockedVolume(backend, spec);
        made.push(spec.name);
      } else {
        if (mode === 'create') throw volumeAlreadyExists(spec.name);
        if (mode === 'ensure-exists') assertSame(row, spec);
      }
    }
  } catch (error) {
    await release(locks);
    await undo();
    throw error;
  }
  await release(locks);
  return { undo };
}

async function release(locks: readonly FileLock[]): Promise<void> {
  for (const lock of locks) await lock.release();
}

function intentOf({ name = '', namedMode, namedKind, sizeMib, quotaMib }: VolumeMount): VolumeIntent {
  const spec: VolumeSpec = {
    name,
    kind: namedKind ?? 'dir',
    ...(quotaMib !== undefined && { quotaMib }),
    ...(sizeMib !== undefined && { capacityMib: sizeMib }),
    labels: {},
  };
  const mode = namedMode ?? 'existing';
  if (mode !== 'existing') assertVolumeSpec(spec);
  return { mode, spec };
}

/** @throws InvalidConfigError when a volume that is there is not the one that is wanted */
function assertSame(row: VolumeRow, { name, kind, quotaMib, capacityMib }: VolumeSpec): void {
  const differs = (have: string, want: string): Error =>
    invalidConfig(
      `named volume "${name}" already exists ${have}, but this sandbox requested ${want}`,
      howToMount(row),
    );
  if (row.kind !== kind) throw differs(`as ${row.kind}`, kind);
  if (quotaMib !== undefined && row.quota_mib !== quotaMib) {
    throw differs(
      `with ${row.quota_mib === null ? 'no quota' : `quota ${row.quota_mib} MiB`}`,
      `${quotaMib} MiB`,
    );
  }
  const capacity = row.capacity_bytes === null ? null : row.capacity_bytes / MIB;
  if (capacityMib !== undefined && capacity !== capacityMib) {
    throw differs(`with capacity ${capacity} MiB`, `${capacityMib} MiB`);
  }
}

/** A volume that is there, mounted as what it is. */
function howToMount({ name, kind, capacity_bytes: capacity }: VolumeRow): string {
  const flag =
    kind === 'disk' && capacity !== null
      ? `--mount-named ${name}:/path:kind=disk,size=${capacity / MIB}M`
      : `--mount-named ${name}:/path`;
  return `mount it as it is with ${flag}, or with mount.named('${name}') in a program`;
}
