import type { HostConfig, SandboxConfigRecord } from '@microsandbox/types';
import { storedMount } from '../builders/mount-builder.ts';
import { storedPatch } from '../builders/patch-builder.ts';
import { storedNetwork } from '../network/network-spec.ts';
import type { PullPolicy } from '../values.ts';
import { invalidConfig } from './invalid-config.ts';
import { sortLabels } from './labels.ts';
import { storedRlimit } from './rlimits.ts';
import type { StoredImage } from './rootfs-source.ts';
import type { SandboxDraft } from './sandbox-draft.ts';

const STORED_PULL_POLICIES: Readonly<Record<PullPolicy, SandboxConfigRecord['pull_policy']>> = {
  always: 'Always',
  'if-missing': 'IfMissing',
  never: 'Never',
};

/**
 * The stored configuration of a draft, over the host's defaults (spec: state 4, 8). Keys stand in the order of
 * stored records. Nothing is checked here but that there is an image.
 *
 * @throws InvalidConfigError
 */
export function recordOfDraft(draft: SandboxDraft, host: HostConfig): SandboxConfigRecord {
  const defaults = host.sandbox_defaults;
  return {
    name: draft.name,
    image: imageOf(draft),
    resources: resourcesOfDraft(draft, defaults),
    runtime: {
      workdir: draft.workdir ?? defaults.workdir ?? null,
      shell: draft.shell ?? defaults.shell,
      scripts: { ...draft.scripts },
      entrypoint: draft.entrypoint ? [...draft.entrypoint] : null,
      cmd: draft.cmd ? [...draft.cmd] : null,
      hostname: draft.hostname ?? null,
      user: draft.user ?? null,
      log_level: draft.logLevel === undefined ? (host.log_level ?? null) : draft.logLevel,
      metrics_sample_interval_ms: intervalOf(
        draft.metricsSampleIntervalMs ?? defaults.metrics_sample_interval_ms,
      ),
      disable_metrics_sample: draft.disableMetricsSample ?? defaults.disable_metrics_sample,
    },
    env: [...draft.env],
    labels: sortLabels(draft.labels),
    rlimits: draft.rlimits.map(storedRlimit),
    mounts: draft.mounts.map(storedMount),
    patches: draft.patches.map(storedPatch),
    network: { ...storedNetwork(draft.network) },
    ...(draft.vsock.length > 0 && { vsock: { routes: draft.vsock } }),
    init: draft.init ?? null,
    pull_policy: STORED_PULL_POLICIES[draft.pullPolicy ?? 'if-missing'],
    security_profile: draft.security ?? 'default',
    deployment_profile: draft.deployment ?? 'single_tenant',
    lifecycle: {
      ephemeral: draft.ephemeral ?? false,
      max_duration_secs: draft.maxDurationSecs ?? null,
      idle_timeout_secs: draft.idleTimeoutSecs ?? null,
    },
    manifest_digest: null,
  };
}

function imageOf(draft: SandboxDraft): StoredImage {
  const { image, rootDisk } = draft;
  if (image === undefined) throw invalidConfig('image source is required');
  return rootDisk !== undefined && 'Oci' in image
    ? { Oci: { reference: image.Oci.reference, root_disk: rootDisk } }
    : image;
}

/** Raising cpus or memory raises a lower ceiling too, unless the ceiling was set as well. */
export function resourcesOfDraft(
  draft: SandboxDraft,
  defaults: HostConfig['sandbox_defaults'],
): SandboxConfigRecord['resources'] {
  const cpus = draft.cpus ?? defaults.cpus;
  const memoryMib = draft.memoryMib ?? defaults.memory_mib;
  const placement = draft.cpuPlacement ?? defaults.cpu_placement;
  const profile = draft.placementProfile ?? defaults.placement_profile;
  const thp = draft.thp ?? defaults.thp;
  return {
    cpus,
    memory_mib: memoryMib,
    max_cpus: draft.maxCpus ?? cpus,
    max_memory_mib: draft.maxMemoryMib ?? memoryMib,
    ...(placement !== 'inherit' && { cpu_placement: placement }),
    ...(profile !== undefined && profile !== null && { placement_profile: profile }),
    ...(thp !== 'madvise' && { thp }),
  };
}

/** No interval is stored as null. */
function intervalOf(ms: number): number | null {
  return ms === 0 ? null : ms;
}
