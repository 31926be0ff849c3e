import type { HostConfig, RootDisk, SandboxConfigRecord } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';
import { DEFAULT_MOUNT_OPTIONS, guestPathOf, type StoredMount } from './mounts.ts';

/** Size of a managed upper disk that nobody chose, in MiB. The file is sparse. */
const DEFAULT_UPPER_MIB = 4096;

const MAX_TMP_MIB = 512;

/** Lays the host's rootfs and runtime defaults under a configuration (spec: state 11, steps 1 and 2). */
export function withCreateDefaults(config: SandboxConfigRecord, host: HostConfig): SandboxConfigRecord {
  const { image } = config;
  if (!('Oci' in image)) return withHostProfile(config, host);
  const disk = sizedRootDisk(image.Oci.root_disk ?? hostRootDisk(host), config, host);
  return withRuntimeDefaults({ ...config, image: { Oci: { ...image.Oci, root_disk: disk } } }, host);
}

/** The defaults that also apply to a start of an older record (spec: state 12, step 6). */
export function withRuntimeDefaults(config: SandboxConfigRecord, host: HostConfig): SandboxConfigRecord {
  return withHostProfile(withTmp(config), host);
}

/** The host's deployment profile wins over what a sandbox asked for. */
function withHostProfile(config: SandboxConfigRecord, host: HostConfig): SandboxConfigRecord {
  const profile = host.deployment_profile;
  if (profile === undefined || profile === null) return config;
  const stored = profile.replace('-', '_') as SandboxConfigRecord['deployment_profile'];
  return { ...config, deployment_profile: stored };
}

/** Gives an OCI sandbox a `/tmp` in memory unless something is mounted there. */
function withTmp(config: SandboxConfigRecord): SandboxConfigRecord {
  if (!('Oci' in config.image)) return config;
  if (config.mounts.some((mount) => guestPathOf(mount) === '/tmp')) return config;
  const quarter = Math.floor(config.resources.memory_mib / 4);
  const tmp: StoredMount = {
    type: 'Tmpfs',
    guest: '/tmp',
    size_mib: Math.min(Math.max(quarter, 1), MAX_TMP_MIB),
    options: DEFAULT_MOUNT_OPTIONS,
  };
  return { ...config, mounts: [...config.mounts, tmp] };
}

function hostRootDisk(host: HostConfig): RootDisk {
  const disk = host.sandbox_defaults.oci.root_disk ?? { kind: 'managed' };
  if (disk.kind === 'disk-image') {
    throw invalidConfig('sandbox_defaults.oci.root_disk cannot be a disk image');
  }
  return disk;
}

function sizedRootDisk(disk: RootDisk, config: SandboxConfigRecord, host: HostConfig): RootDisk {
  if (disk.kind === 'managed') {
    return {
      kind: 'managed',
      size_mib: disk.size_mib ?? host.sandbox_defaults.oci.upper_size_mib ?? DEFAULT_UPPER_MIB,
    };
  }
  if (disk.kind === 'tmpfs') {
    const half = Math.max(Math.floor(config.resources.memory_mib / 2), 1);
    return { kind: 'tmpfs', size_mib: disk.size_mib ?? half };
  }
  return disk;
}
