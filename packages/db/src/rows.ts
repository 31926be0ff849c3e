import type { SandboxState, TerminationReason } from '@microsandbox/types';

/** A row of `sandbox`. Times are stored texts; see `parseUtcTimestamp` of `@microsandbox/utils`. */
export interface SandboxRow {
  readonly id: number;
  readonly name: string;
  /** Desired configuration, JSON. */
  readonly config: string;
  readonly status: SandboxState;
  readonly created_at: string | null;
  readonly updated_at: string | null;
  readonly ephemeral: 0 | 1;
  /** Configuration of the running machine, JSON; null when none runs. */
  readonly active_config: string | null;
}

/** A row of `run`: one life of a sandbox process. */
export interface RunRow {
  readonly id: number;
  readonly sandbox_id: number;
  readonly pid: number | null;
  readonly status: 'Running' | 'Terminated';
  readonly exit_code: number | null;
  readonly termination_reason: TerminationReason | null;
  readonly started_at: string | null;
  readonly terminated_at: string | null;
}

/** An image reference with its manifest. */
export interface ImageRow {
  readonly reference: string;
  readonly manifest_id: number;
  readonly digest: string;
  readonly config_digest: string | null;
  readonly architecture: string | null;
  readonly os: string | null;
  readonly layer_count: number | null;
  readonly total_size_bytes: number | null;
  readonly created_at: string | null;
  readonly updated_at: string | null;
}

/** Who needs an image reference. */
export interface ImageUsageRow {
  readonly reference: string;
  readonly digest: string;
  readonly updated_at: string | null;
  /** Layers, bottom first. */
  readonly diff_ids: readonly string[];
  /** Number of sandboxes that stand on it. */
  readonly sandboxes: number;
  readonly snapshotted: 0 | 1;
}

/** A row of `config`; lists and maps are JSON texts. */
export interface ImageConfigRow {
  readonly digest: string;
  readonly env: string | null;
  readonly cmd: string | null;
  readonly entrypoint: string | null;
  readonly working_dir: string | null;
  readonly user: string | null;
  readonly labels: string | null;
  readonly stop_signal: string | null;
}

/** A layer in its place in a manifest. */
export interface ImageLayerRow {
  readonly diff_id: string;
  readonly blob_digest: string;
  readonly media_type: string | null;
  readonly compressed_size_bytes: number | null;
  readonly erofs_size_bytes: number | null;
  readonly position: number;
}

/** A row of `volume`. */
export interface VolumeRow {
  readonly id: number;
  readonly name: string;
  readonly quota_mib: number | null;
  readonly size_bytes: number | null;
  /** JSON list of `[key, value]`; null without labels. */
  readonly labels: string | null;
  readonly created_at: string | null;
  readonly updated_at: string | null;
  readonly kind: string;
  readonly capacity_bytes: number | null;
  readonly disk_format: string | null;
  readonly disk_fstype: string | null;
}
