import { resolve } from 'node:path';
import type {
  BlockRoot,
  GuestBootstrap,
  HostConfig,
  LaunchConfig,
  SandboxConfigRecord,
} from '@microsandbox/types';
import { deriveHostname, guestMountTag } from '@microsandbox/utils';
import { guestPathOf, isTmpfs, mountOptionsOf, type StoredMount } from '../config/mounts.ts';
import { placementProfile } from '../config/placement-profile.ts';
import type { SandboxPlace } from './sandbox-place.ts';
import type { SharedMounts } from './shared-mounts.ts';

/** What a launch needs beside the configuration. */
export interface LaunchInputs {
  readonly place: SandboxPlace;
  readonly host: HostConfig;
  readonly config: SandboxConfigRecord;
  readonly sandboxId: number;
  readonly libkrunfwPath: string;
  readonly shared: SharedMounts;
  /** Network with resolved secrets; null for none. */
  readonly network: LaunchConfig['network'];
  /** Joined image of a layered root; null for every other root. */
  readonly vmdkPath: string | null;
  /** Program that is the sandbox's whole purpose: it starts with it and its end is the sandbox's. */
  readonly startup?: LaunchConfig['startup'];
  /** Where it publishes its samples; null when it takes none. */
  readonly metricsSlot: LaunchConfig['metrics']['slot'];
}

/** The complete launch configuration of one start (spec: state 15, runtime A1). */
export function launchConfigOf(inputs: LaunchInputs): LaunchConfig {
  const { place, host, config } = inputs;
  const { layout, paths } = place;
  const { resources, runtime, lifecycle } = config;
  const profileName = resources.placement_profile ?? null;
  return {
    db_path: layout.dbFile,
    db_connect_timeout_secs: host.database.connect_timeout_secs,
    log_dir: paths.logsDir,
    runtime_dir: paths.runtimeDir,
    sandboxes_dir: layout.sandboxesDir,
    run_dir: layout.runDir,
    cpu_lease_dir: layout.cpuLeaseDir,
    writeback_lease_dir: layout.writebackLeaseDir,
    cpu_placement: resources.cpu_placement ?? 'inherit',
    placement_profile_name: profileName,
    placement_profile: placementProfile(host, profileName),
    agent_sock: paths.agentSocket,
    libkrunfw_path: inputs.libkrunfwPath,
    thp: resources.thp ?? 'madvise',
    block_writeback_limit_bytes: null,
    block_writeback_pool_bytes: null,
    startup: inputs.startup ?? null,
    lifecycle: {
      max_duration_secs: lifecycle.max_duration_secs,
      idle_timeout_secs: lifecycle.idle_timeout_secs,
    },
    metrics: {
      sample_interval_ms: runtime.metrics_sample_interval_ms ?? 0,
      disabled: runtime.disable_metrics_sample || runtime.metrics_sample_interval_ms === null,
      slot: inputs.metricsSlot,
    },
    rootfs: rootfsOf(inputs),
    mounts: [...inputs.shared.specs],
    disks: config.mounts.filter(({ type }) => type === 'DiskImage').map(diskSpec),
    init_path: config.init?.cmd ?? null,
    bootstrap: bootstrapOf(config, inputs.shared),
    exec_path: null,
    exec_args: [],
    network: inputs.network,
    deployment_profile: config.deployment_profile,
    sandbox_slot: inputs.sandboxId,
    vsock: [],
  };
}

function rootfsOf({ place, config, vmdkPath }: LaunchInputs): LaunchConfig['rootfs'] {
  const none = {
    path: null,
    follow_root_symlinks: false,
    disk: null,
    disk_format: null,
    disk_readonly: false,
    upper: null,
    upper_format: null,
  };
  const { image } = config;
  if ('Bind' in image) {
    return { ...none, path: resolve(image.Bind.path), follow_root_symlinks: image.Bind.follow_root_symlinks };
  }
  if ('DiskImage' in image) {
    return { ...none, disk: image.DiskImage.path, disk_format: image.DiskImage.format.toLowerCase() };
  }
  const layered = { ...none, disk: vmdkPath, disk_format: 'vmdk', disk_readonly: true };
  const root = image.Oci.root_disk;
  switch (root?.kind) {
    case 'flat':
      return { ...none, disk: place.paths.flatDisk, disk_format: 'raw' };
    case 'tmpfs':
      return layered;
    case 'disk-image':
      return { ...layered, upper: root.path, upper_format: root.format.toLowerCase() };
    default:
      return { ...layered, upper: place.paths.upperDisk };
  }
}

/** The guest's first message (agent protocol 7, 8); network and host alias are the sandbox process's part. */
function bootstrapOf(config: SandboxConfigRecord, shared: SharedMounts): GuestBootstrap {
  const { runtime, rlimits, env, mounts, init } = config;
  const blockRoot = blockRootOf(config);
  const disks = mounts.filter(({ type }) => type === 'DiskImage').map(diskMount);
  const tmpfs = mounts.filter(isTmpfs).map((mount) => ({
    path: mount.guest,
    ...(mount.size_mib !== null && { size_mib: mount.size_mib }),
    flags: mountOptionsOf(mount),
  }));
  return {
    ...(blockRoot !== null && { block_root: blockRoot }),
    ...(shared.folders.length > 0 && { dir_mounts: shared.folders }),
    ...(shared.files.length > 0 && { file_mounts: shared.files }),
    ...(disks.length > 0 && { disk_mounts: disks }),
    ...(tmpfs.length > 0 && { tmpfs_mounts: tmpfs }),
    hostname: runtime.hostname ?? deriveHostname(config.name),
    ...(rlimits.length > 0 && { rlimits: rlimits.map(guestRlimit) }),
    ...(runtime.user !== null && { user: runtime.user }),
    ...(runtime.workdir !== null && { default_cwd: runtime.workdir }),
    ...(env.length > 0 && { default_env: env }),
    security_profile: config.security_profile,
    ...(init !== null && {
      handoff_init: {
        cmd: init.cmd,
        ...(init.args.length > 0 && { args: init.args }),
        ...(runtime.workdir !== null && { cwd: runtime.workdir }),
        ...(init.env.length > 0 && { env: init.env.map(([key, value]) => ({ key, value })) }),
      },
    }),
  };
}

/** Where the guest finds its root (spec: runtime A1). */
function blockRootOf({ image }: SandboxConfigRecord): BlockRoot | null {
  if ('Bind' in image) return null;
  if ('DiskImage' in image) {
    const { fstype } = image.DiskImage;
    return { kind: 'disk-image', device: '/dev/vda', ...(fstype !== null && { fstype }) };
  }
  const root = image.Oci.root_disk;
  if (root?.kind === 'flat') return { kind: 'disk-image', device: '/dev/vda', fstype: root.fstype ?? 'ext4' };
  const lower = { kind: 'oci-erofs', lower: '/dev/vda' } as const;
  if (root?.kind === 'tmpfs') {
    const size = root.size_mib === undefined ? {} : { size_mib: root.size_mib };
    return { ...lower, upper: { kind: 'tmpfs', ...size } };
  }
  const fstype = root?.kind === 'disk-image' ? (root.fstype ?? 'ext4') : 'ext4';
  return { ...lower, upper: { kind: 'device', device: '/dev/vdb', fstype } };
}

interface StoredDiskMount {
  readonly host: string;
  readonly format: string;
  readonly fstype: string | null;
}

/** `id:host:format[:ro]` */
function diskSpec(mount: StoredMount): string {
  const { host, format } = mount as unknown as StoredDiskMount;
  const readOnly = mountOptionsOf(mount).readonly ? ':ro' : '';
  return `${guestMountTag(guestPathOf(mount))}:${host}:${format.toLowerCase()}${readOnly}`;
}

function diskMount(mount: StoredMount): NonNullable<GuestBootstrap['disk_mounts']>[number] {
  const { fstype } = mount as unknown as StoredDiskMount;
  const guest = guestPathOf(mount);
  return {
    id: guestMountTag(guest),
    guest_path: guest,
    ...(fstype !== null && { fstype }),
    flags: mountOptionsOf(mount),
  };
}

function guestRlimit(limit: SandboxConfigRecord['rlimits'][number]): SandboxConfigRecord['rlimits'][number] {
  return { ...limit, resource: limit.resource.toLowerCase() };
}
