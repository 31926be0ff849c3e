import type { SandboxConfigRecord } from '@microsandbox/types';
import { normalizeGuestPath } from './guest-path.ts';
import { invalidConfig } from './invalid-config.ts';

/** A mount as it is stored; what else it holds depends on its `type` (spec: state 8). */
export type StoredMount = SandboxConfigRecord['mounts'][number];

/** A tmpfs mount as it is stored. */
export interface TmpfsMount {
  readonly type: 'Tmpfs';
  readonly guest: string;
  readonly size_mib: number | null;
  readonly options: StoredMountOptions;
}

/** A folder or file of the host as it is stored. Older records lack the policies. */
export interface BindMount {
  readonly type: 'Bind';
  readonly host: string;
  readonly guest: string;
  readonly stat_virtualization?: 'strict' | 'relaxed' | 'off';
  readonly host_permissions?: 'private' | 'mirror';
  readonly follow_root_symlinks?: boolean;
  readonly quota_mib?: number | null;
}

/** A named volume as it is stored; once resolved, a folder with its place and limit on the host. */
export interface NamedMount extends Omit<BindMount, 'type' | 'host'> {
  readonly type: 'Named';
  readonly name: string;
  readonly host?: string;
}

export interface StoredMountOptions {
  readonly readonly: boolean;
  readonly noexec: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
}

export const DEFAULT_MOUNT_OPTIONS: StoredMountOptions = {
  readonly: false,
  noexec: false,
  nosuid: false,
  nodev: false,
};

/** Guest path of a stored mount. */
export function guestPathOf(mount: StoredMount): string {
  const { guest } = mount as { guest?: unknown };
  if (typeof guest !== 'string') throw invalidConfig(`mount of type ${mount.type} has no guest path`);
  return guest;
}

export function isTmpfs(mount: StoredMount): mount is StoredMount & TmpfsMount {
  return mount.type === 'Tmpfs';
}

export function isBind(mount: StoredMount): mount is StoredMount & BindMount {
  return mount.type === 'Bind';
}

/** A named volume, whose place on the host is known once it was resolved. */
export function isNamed(mount: StoredMount): mount is StoredMount & NamedMount {
  return mount.type === 'Named';
}

/** Folders and files of the host that the guest sees, resolved volumes among them. */
export function isShared(
  mount: StoredMount,
): mount is StoredMount & (BindMount | (NamedMount & { readonly host: string })) {
  return isBind(mount) || (isNamed(mount) && mount.host !== undefined);
}

/**
 * Mounts with normal guest paths, parents before children.
 *
 * @throws InvalidConfigError for a bad path or two mounts at one place
 */
export function arrangeMounts(mounts: readonly StoredMount[]): StoredMount[] {
  const arranged = mounts.map((mount) => ({ ...mount, guest: normalizeGuestPath(guestPathOf(mount)) }));
  const seen = new Set<string>();
  for (const { guest } of arranged) {
    if (seen.has(guest)) throw invalidConfig(`multiple volumes cannot mount the same guest path: ${guest}`);
    seen.add(guest);
  }
  return arranged.sort((a, b) => depthOf(a.guest) - depthOf(b.guest) || (a.guest < b.guest ? -1 : 1));
}

/** Mount options of a stored mount; older records have `readonly` at the top. */
export function mountOptionsOf(mount: StoredMount): StoredMountOptions {
  const { options, readonly } = mount as { options?: Partial<StoredMountOptions>; readonly?: boolean };
  return { ...DEFAULT_MOUNT_OPTIONS, ...(readonly === true && { readonly }), ...options };
}

function depthOf(path: string): number {
  return path.split('/').length;
}
