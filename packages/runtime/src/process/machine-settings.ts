import { InvalidConfigError, type LaunchConfig } from '@microsandbox/types';

/** What of a launch configuration describes the machine. */
export type MachineSettings = Pick<
  LaunchConfig,
  'rootfs' | 'mounts' | 'disks' | 'vsock' | 'thp' | 'libkrunfw_path' | 'log_dir'
> & {
  /** What the interface's hardware address follows from; null without a network. */
  readonly network: { readonly slot: number; readonly mac: readonly number[] | null } | null;
};

/**
 * Reads the machine's part of a launch configuration, so that the monitor can be started at once. The whole is
 * checked by its schema a moment later, while the guest boots; loading the schemas takes as long as starting the
 * monitor.
 *
 * @throws InvalidConfigError `invalid launch config: ...`
 */
export function readMachineSettings(launch: unknown): MachineSettings {
  const root = record(launch, 'launch');
  const rootfs = record(root['rootfs'], 'rootfs');
  return {
    rootfs: {
      path: optionalText(rootfs, 'path'),
      disk: optionalText(rootfs, 'disk'),
      disk_format: optionalText(rootfs, 'disk_format'),
      upper: optionalText(rootfs, 'upper'),
      upper_format: optionalText(rootfs, 'upper_format'),
      disk_readonly: rootfs['disk_readonly'] === true,
      follow_root_symlinks: rootfs['follow_root_symlinks'] === true,
    },
    mounts: texts(root, 'mounts'),
    disks: texts(root, 'disks'),
    vsock: (root['vsock'] ?? []) as LaunchConfig['vsock'],
    thp: (optionalText(root, 'thp') ?? 'madvise') as LaunchConfig['thp'],
    libkrunfw_path: text(root, 'libkrunfw_path'),
    log_dir: text(root, 'log_dir'),
    network: networkOf(root),
  };
}

/** Tenants of a shared host do not choose their hardware address (spec: network 17). */
function networkOf(root: Fields): MachineSettings['network'] {
  if (root['network'] === undefined || root['network'] === null) return null;
  const { enabled, interface: overrides } = record(root['network'], 'network');
  if (enabled === false) return null;
  const slot = root['sandbox_slot'];
  if (typeof slot !== 'number') throw invalid('sandbox_slot', 'a number');
  const { mac } = (overrides ?? {}) as Fields;
  const chosen = Array.isArray(mac) && root['deployment_profile'] !== 'multi_tenant';
  return { slot, mac: chosen ? (mac as readonly number[]) : null };
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown, key: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(key, 'an object');
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === 'string') return value;
  throw invalid(key, 'a string');
}

function optionalText(fields: Fields, key: string): string | null {
  return fields[key] === undefined || fields[key] === null ? null : text(fields, key);
}

function texts(fields: Fields, key: string): string[] {
  const value = fields[key];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalid(key, 'a list of strings');
}

function invalid(key: string, expected: string): InvalidConfigError {
  return new InvalidConfigError(`invalid launch config: ${key}: expected ${expected}`);
}
