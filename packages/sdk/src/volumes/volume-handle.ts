import type { VolumeRow } from '@microsandbox/db';
import { parseUtcTimestamp } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { removeVolume } from './remove-volume.ts';
import { VolumeFs } from './volume-fs.ts';

/** What a handle can do beyond telling. */
interface LiveVolume {
  readonly backend: LocalBackend;
  readonly path: string;
}

/** A volume as it was when the handle was made. */
export class VolumeHandle {
  readonly name: string;
  /** Only clouds have a default volume. */
  readonly isDefault: boolean = false;
  /** `dir` or `disk`. */
  readonly kind: string;
  readonly quotaMib: number | null;
  /** As far as it was measured. */
  readonly usedBytes: number;
  readonly capacityBytes: number | null;
  readonly diskFormat: string | null;
  readonly diskFstype: string | null;
  readonly labels: readonly (readonly [key: string, value: string])[];
  readonly createdAt: Date | null;
  readonly #live: LiveVolume | null;

  private constructor(row: VolumeRow, live: LiveVolume | null) {
    this.name = row.name;
    this.kind = row.kind === 'disk' ? 'disk' : 'dir';
    this.quotaMib = row.quota_mib;
    this.usedBytes = row.size_bytes ?? 0;
    this.capacityBytes = row.capacity_bytes;
    this.diskFormat = row.disk_format;
    this.diskFstype = row.disk_fstype;
    this.labels = labelsOf(row);
    this.createdAt = parseUtcTimestamp(row.created_at);
    this.#live = live;
  }

  /** @internal */
  static live(row: VolumeRow, backend: LocalBackend, path: string): VolumeHandle {
    return new VolumeHandle(row, { backend, path });
  }

  /** @internal */
  static listed(row: VolumeRow): VolumeHandle {
    return new VolumeHandle(row, null);
  }

  /**
   * Removes the volume with everything in it.
   *
   * @throws InvalidConfigError while a sandbox has it mounted
   */
  async remove(): Promise<void> {
    await removeVolume(this.#required().backend, this.name);
  }

  /** Its folder on the host; `disk.raw` in it is the disk of a volume that is one. */
  get path(): string {
    return this.#required().path;
  }

  /** Its files, from the host. */
  fs(): VolumeFs {
    return new VolumeFs(this.#required().path);
  }

  #required(): LiveVolume {
    if (this.#live !== null) return this.#live;
    throw new Error(
      'VolumeHandle is read-only — fetch a live handle via Volume.get(name) for lifecycle methods.',
    );
  }
}

/** Labels of a row; what cannot be read has none. */
function labelsOf({ labels }: VolumeRow): [string, string][] {
  if (labels === null) return [];
  try {
    const pairs: unknown = JSON.parse(labels);
    if (!Array.isArray(pairs)) return [];
    return pairs.flatMap((pair: unknown): [string, string][] => {
      return Array.isArray(pair) && pair.length === 2 ? [[String(pair[0]), String(pair[1])]] : [];
    });
  } catch {
    return [];
  }
}
