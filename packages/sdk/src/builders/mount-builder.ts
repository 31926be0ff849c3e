import { resolve } from 'node:path';
import { normalizeGuestPath } from '../config/guest-path.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import type { StoredMount } from '../config/mounts.ts';
import { oneOf } from '../config/one-of.ts';
import { diskFormatOf, STORED_DISK_FORMATS } from '../config/rootfs-source.ts';
import {
  type DiskImageFormat,
  DiskImageFormats,
  type HostPermissions,
  HostPermissionsList,
  type StatVirtualization,
  StatVirtualizations,
  type VolumeMountKind,
} from '../values.ts';
import { Consumption } from './consumption.ts';
import { fstypeProblem } from './image-builder.ts';

/** What a named volume must be before the sandbox starts. */
export type NamedVolumeMode = 'existing' | 'create' | 'ensure-exists';

/** A mount as `MountBuilder.build` returns it; absent settings are absent keys. */
export interface VolumeMount {
  kind: VolumeMountKind;
  guest: string;
  readonly: boolean;
  noexec: boolean;
  nosuid: boolean;
  nodev: boolean;
  host?: string;
  name?: string;
  namedMode?: NamedVolumeMode;
  namedKind?: 'dir' | 'disk';
  sizeMib?: number;
  quotaMib?: number;
  format?: DiskImageFormat;
  fstype?: string;
  statVirtualization?: StatVirtualization;
  hostPermissions?: HostPermissions;
  followRootSymlinks?: boolean;
}

/** One mount in the guest; given to the callback of `SandboxBuilder.volume`. The last kind wins. */
export class MountBuilder {
  readonly #state = new Consumption('MountBuilder');
  readonly #guest: string;
  #kind: VolumeMountKind | undefined;
  #source = '';
  #created: Pick<VolumeMount, 'namedMode' | 'namedKind' | 'sizeMib' | 'quotaMib'> = {};
  #format: DiskImageFormat | undefined;
  #fstype: string | undefined;
  #sizeMib: number | undefined;
  #quotaMib: number | undefined;
  #stat: StatVirtualization | undefined;
  #permissions: HostPermissions | undefined;
  #followRootSymlinks = false;
  readonly #options = { readonly: false, noexec: false, nosuid: false, nodev: false };

  /** @param guestPath absolute place in the guest */
  constructor(guestPath: string) {
    this.#guest = guestPath;
  }

  /** Shares a folder or file of the host. */
  bind(host: string): this {
    return this.#choose('bind', host);
  }

  /** Mounts an existing named volume. */
  named(name: string): this {
    return this.#choose('named', name);
  }

  /** Mounts a named volume and says what to do when it is missing. Sizes in MiB. */
  namedWith(
    name: string,
    mode: NamedVolumeMode = 'existing',
    kind: 'dir' | 'directory' | 'disk' = 'dir',
    sizeMib?: number,
    quotaMib?: number,
  ): this {
    const invalid = (what: string, value: string): Error =>
      Object.assign(new Error(`invalid named volume ${what} "${value}"`), { code: 'InvalidArg' });
    if (!['existing', 'create', 'ensure-exists'].includes(mode)) throw invalid('mode', mode);
    if (!['dir', 'directory', 'disk'].includes(kind)) throw invalid('kind', kind);
    this.#choose('named', name);
    if (mode !== 'existing') {
      this.#created = {
        namedMode: mode,
        namedKind: kind === 'disk' ? 'disk' : 'dir',
        ...(sizeMib !== undefined && { sizeMib: Math.trunc(sizeMib) }),
        ...(quotaMib !== undefined && { quotaMib: Math.trunc(quotaMib) }),
      };
    }
    return this;
  }

  /** Mounts memory. */
  tmpfs(): this {
    return this.#choose('tmpfs', '');
  }

  /** Mounts a disk image of the host. */
  disk(host: string): this {
    return this.#choose('disk', host);
  }

  format(format: DiskImageFormat): this {
    const message = `invalid disk image format \`${format}\` (expected qcow2 | raw | vmdk)`;
    return this.#set(() => {
      this.#format = oneOf(format, DiskImageFormats, message);
    });
  }

  fstype(fstype: string): this {
    return this.#set(() => {
      this.#fstype = fstype;
    });
  }

  readonly(): this {
    return this.#set(() => {
      this.#options.readonly = true;
    });
  }

  noexec(): this {
    return this.#set(() => {
      this.#options.noexec = true;
    });
  }

  nosuid(): this {
    return this.#set(() => {
      this.#options.nosuid = true;
    });
  }

  nodev(): this {
    return this.#set(() => {
      this.#options.nodev = true;
    });
  }

  /** Size of a tmpfs in MiB. */
  size(mib: number): this {
    return this.#set(() => {
      this.#sizeMib = Math.trunc(mib);
    });
  }

  /** Most that the guest may write into a shared folder, in MiB. */
  quota(mib: number): this {
    return this.#set(() => {
      this.#quotaMib = Math.trunc(mib);
    });
  }

  /** How owner and mode of shared files appear in the guest. */
  statVirtualization(policy: StatVirtualization): this {
    const message = `invalid stat_virtualization \`${policy}\` (expected strict | relaxed | off)`;
    return this.#set(() => {
      this.#stat = oneOf(policy, StatVirtualizations, message);
    });
  }

  /** Whether mode changes of the guest reach the host's files. */
  hostPermissions(policy: HostPermissions): this {
    const message = `invalid host_permissions \`${policy}\` (expected private | mirror)`;
    return this.#set(() => {
      this.#permissions = oneOf(policy, HostPermissionsList, message);
    });
  }

  /** Lets the host path lead through symbolic links. */
  followRootSymlinks(): this {
    return this.#set(() => {
      this.#followRootSymlinks = true;
    });
  }

  /**
   * Checks the mount and returns it. Consumes the builder.
   *
   * @throws InvalidConfigError
   */
  build(): VolumeMount {
    this.#state.consume();
    const kind = this.#checkedKind();
    const shared = kind === 'bind' || (kind === 'named' && this.#created.namedKind !== 'disk');
    return {
      kind,
      guest: this.#guest,
      ...this.#options,
      ...((kind === 'bind' || kind === 'disk') && { host: this.#source }),
      ...(kind === 'named' && { name: this.#source, ...this.#created }),
      ...(kind === 'tmpfs' && this.#sizeMib !== undefined && { sizeMib: this.#sizeMib }),
      ...(kind === 'bind' && this.#quotaMib !== undefined && { quotaMib: this.#quotaMib }),
      ...(kind === 'disk' && { format: this.#format ?? inferredFormat(this.#source) }),
      ...(kind === 'disk' && this.#fstype !== undefined && { fstype: this.#fstype }),
      ...((shared || kind === 'named') && {
        statVirtualization: this.#stat ?? 'strict',
        hostPermissions: this.#permissions ?? 'private',
        ...(this.#followRootSymlinks && { followRootSymlinks: true }),
      }),
    };
  }

  #checkedKind(): VolumeMountKind {
    const kind = this.#kind;
    const fstype = this.#fstype === undefined ? null : fstypeProblem(this.#fstype);
    if (fstype !== null) throw invalidConfig(fstype);
    normalizeGuestPath(this.#guest);
    if (kind !== 'tmpfs' && this.#sizeMib !== undefined) {
      throw invalidConfig('.size() is only valid for tmpfs mounts');
    }
    if (kind !== 'bind' && this.#quotaMib !== undefined) {
      throw invalidConfig(
        '.quota() is only valid for bind mounts; for named volumes use .named_with(|v| v.quota(..))',
      );
    }
    if (kind !== 'disk' && this.#format !== undefined) {
      throw invalidConfig('.format() is only valid for disk image mounts');
    }
    if (kind !== 'disk' && this.#fstype !== undefined) {
      throw invalidConfig('.fstype() is only valid for disk image mounts');
    }
    this.#checkPolicies(kind);
    if ((kind === 'bind' || kind === 'disk') && /[,:;]/.test(this.#source)) {
      const what = kind === 'bind' ? 'bind host path' : 'disk image host path';
      throw invalidConfig(`${what} must not contain ',', ':', or ';': ${this.#source}`);
    }
    if (kind === undefined) {
      throw invalidConfig('MountBuilder: no mount type set (call .bind(), .named(), .tmpfs(), or .disk())');
    }
    return kind;
  }

  #checkPolicies(kind: VolumeMountKind | undefined): void {
    const policies = { stat_virtualization: this.#stat, host_permissions: this.#permissions };
    for (const [name, policy] of Object.entries(policies)) {
      if (policy === undefined) continue;
      if (kind !== 'bind' && kind !== 'named') {
        throw invalidConfig(`.${name}() is only valid for bind and directory-backed named volume mounts`);
      }
      if (this.#created.namedKind === 'disk') {
        throw invalidConfig(`${name} is only valid for directory named volumes: ${this.#source}`);
      }
    }
    if (this.#stat === 'off' && this.#permissions === 'mirror') {
      throw invalidConfig('stat_virtualization=Off cannot be combined with host_permissions=Mirror');
    }
  }

  #choose(kind: VolumeMountKind, source: string): this {
    return this.#set(() => {
      this.#kind = kind;
      this.#source = source;
      this.#created = {};
    });
  }

  #set(change: () => void): this {
    this.#state.assertOpen();
    change();
    return this;
  }
}

function inferredFormat(path: string): DiskImageFormat {
  return diskFormatOf(path) ?? 'raw';
}

/** The stored form of a mount. What a named volume is to be created as is not stored. */
export function storedMount(mount: VolumeMount): StoredMount {
  const { guest, readonly, noexec, nosuid, nodev } = mount;
  const options = { readonly, noexec, nosuid, nodev };
  const policies = {
    stat_virtualization: mount.statVirtualization ?? 'strict',
    host_permissions: mount.hostPermissions ?? 'private',
    follow_root_symlinks: mount.followRootSymlinks ?? false,
  };
  switch (mount.kind) {
    case 'bind':
      return {
        type: 'Bind',
        // A sandbox may be started again from elsewhere.
        host: resolve(mount.host ?? ''),
        guest,
        options,
        ...policies,
        quota_mib: mount.quotaMib ?? null,
      };
    case 'named':
      return { type: 'Named', name: mount.name, guest, options, ...policies };
    case 'tmpfs':
      return { type: 'Tmpfs', guest, size_mib: mount.sizeMib ?? null, options };
    case 'disk':
      return {
        type: 'DiskImage',
        host: mount.host,
        guest,
        format: STORED_DISK_FORMATS[mount.format ?? 'raw'],
        fstype: mount.fstype ?? null,
        options,
      };
  }
}
