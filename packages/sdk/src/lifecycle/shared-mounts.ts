import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { GuestBootstrap, SandboxConfigRecord } from '@microsandbox/types';
import { formatMountSpec, guestMountTag, type MountSpec } from '@microsandbox/utils';
import { guestPathOf, isShared, mountOptionsOf } from '../config/mounts.ts';

/** Growth that a folder of the host allows its guest when nobody said, in MiB. */
const DEFAULT_QUOTA_MIB = 4096;

/** Scripts of the sandbox: their share, their place in the guest, and what the guest may add, in MiB. */
const SCRIPTS = { tag: 'msb_runtime', guestPath: '/.msb/scripts', quotaMib: 16 } as const;

/** Certificates that the sandbox process writes for the guest. */
const CERTIFICATES = { tag: 'msb_tls', guestPath: '/.msb/tls' } as const;

const READ_ONLY = { readonly: true, noexec: true, nosuid: true, nodev: true } as const;

/** Folders of a sandbox's own that its guest may see. */
export interface RuntimeFolders {
  readonly scriptsDir: string;
  readonly tlsDir: string;
}

/** Shared folders of one start, for both sides. */
export interface SharedMounts {
  /** For the sandbox process: `tag:host[:opts]`. */
  readonly specs: readonly string[];
  readonly folders: NonNullable<GuestBootstrap['dir_mounts']>;
  readonly files: NonNullable<GuestBootstrap['file_mounts']>;
}

/**
 * What a sandbox shares with its host. A host path that is a file becomes a share that shows this one file. A path
 * that does not exist is left to the sandbox process, whose error says so.
 */
export async function sharedMounts(
  config: SandboxConfigRecord,
  { scriptsDir, tlsDir }: RuntimeFolders,
): Promise<SharedMounts> {
  const specs: string[] = [];
  const folders: SharedMounts['folders'] = [];
  const files: SharedMounts['files'] = [];
  for (const mount of config.mounts.filter(isShared)) {
    const flags = mountOptionsOf(mount);
    const spec = (tag: string, hostPath: string): string =>
      formatMountSpec({
        tag,
        hostPath,
        ...flags,
        statVirt: mount.stat_virtualization ?? 'strict',
        hostPerms: mount.host_permissions ?? 'private',
        followRootSymlinks: mount.follow_root_symlinks ?? false,
        // A volume has a limit only when it was made with one.
        quotaMib: mount.quota_mib ?? (mount.type === 'Named' ? null : DEFAULT_QUOTA_MIB),
      });
    const guest_path = guestPathOf(mount);
    if (await isFile(mount.host)) {
      const tag = `fm_${randomBytes(4).toString('hex')}`;
      specs.push(spec(tag, dirname(mount.host)));
      files.push({ tag, filename: basename(mount.host), guest_path, flags });
    } else {
      const tag = guestMountTag(guest_path);
      specs.push(spec(tag, mount.host));
      folders.push({ tag, guest_path, flags });
    }
  }
  if (Object.keys(config.runtime.scripts).length > 0) {
    specs.push(formatMountSpec(scriptsSpec(scriptsDir)));
    folders.push({ tag: SCRIPTS.tag, guest_path: SCRIPTS.guestPath });
  }
  if (givesCertificates(config)) {
    specs.push(formatMountSpec(certificatesSpec(tlsDir)));
    folders.push({ tag: CERTIFICATES.tag, guest_path: CERTIFICATES.guestPath, flags: READ_ONLY });
  }
  return { specs, folders, files };
}

/** The guest has to trust who intercepts, or what its host trusts (spec: network 13.6). */
function givesCertificates({ network }: SandboxConfigRecord): boolean {
  const { tls, trust_host_cas } = network as { tls?: { enabled?: unknown } | null; trust_host_cas?: unknown };
  return network.enabled && (tls?.enabled === true || trust_host_cas === true);
}

function certificatesSpec(hostPath: string): MountSpec {
  const policies = { statVirt: 'relaxed', hostPerms: 'mirror', followRootSymlinks: false } as const;
  return { tag: CERTIFICATES.tag, hostPath, ...READ_ONLY, ...policies, quotaMib: null };
}

function scriptsSpec(hostPath: string): MountSpec {
  const flags = { readonly: false, noexec: false, nosuid: false, nodev: false } as const;
  const policies = { statVirt: 'relaxed', hostPerms: 'mirror', followRootSymlinks: false } as const;
  return { tag: SCRIPTS.tag, hostPath, ...flags, ...policies, quotaMib: SCRIPTS.quotaMib };
}

async function isFile(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => null);
  return entry?.isFile() ?? false;
}
