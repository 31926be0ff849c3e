import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { arch, constants as os } from 'node:os';
import { addon } from '@microsandbox/native';
import { errnoOf, pathExists } from '@microsandbox/utils';

const KVM = '/dev/kvm';

/** What there is to see of a host's hardware acceleration. */
export interface HardwareFacts {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Code of the error with which `/dev/kvm` did not open; null when it did. */
  readonly openError: string | null;
  /** Code of the error with which an empty machine could not be made; null when it could, or was not tried. */
  readonly createError: string | null;
  /** Name, or else number, of the group that owns `/dev/kvm`; null without the device. */
  readonly group: string | null;
  /** Whether that group may use it: whoever joins it needs nothing else. */
  readonly openToGroup: boolean;
  readonly inContainer: boolean;
  /** Text of `/proc/cpuinfo`. */
  readonly cpuinfo: string;
}

/** Looks at the host. Reads a few small files and makes, where that can work, one empty machine. */
export async function hardwareFacts(): Promise<HardwareFacts> {
  const [openError, owner, inContainer, cpuinfo] = await Promise.all([
    kvmOpenError(),
    kvmOwner(),
    isContainer(),
    readFile('/proc/cpuinfo', 'utf8').catch(() => ''),
  ]);
  const createError = openError === null ? await kvmCreateError() : null;
  const { platform } = process;
  return { platform, arch: arch(), openError, createError, ...owner, inContainer, cpuinfo };
}

/** Changes with whatever decides who may use the device. */
export async function kvmIdentity(): Promise<string> {
  const device = await stat(KVM).catch(() => null);
  const groups = process.getgroups?.().toSorted((left, right) => left - right) ?? [];
  const { ino, mode, uid, gid, ctimeMs } = device ?? {};
  return [ino, mode, uid, gid, ctimeMs, process.geteuid?.(), ...groups].join('-');
}

async function kvmOpenError(): Promise<string | null> {
  try {
    await (await open(KVM, constants.O_RDWR)).close();
    return null;
  } catch (error) {
    return errnoOf(error) ?? 'unknown error';
  }
}

async function kvmCreateError(): Promise<string | null> {
  const refusal = await addon().probeKvm();
  if (refusal === null) return null;
  const name = Object.entries(os.errno).find(([, number]) => number === refusal.errno)?.[0];
  return name ?? `error ${refusal.errno}`;
}

async function kvmOwner(): Promise<Pick<HardwareFacts, 'group' | 'openToGroup'>> {
  const device = await stat(KVM).catch(() => null);
  if (device === null) return { group: null, openToGroup: false };
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = groups.split('\n').find((text) => text.split(':')[2] === String(device.gid));
  return { group: line?.split(':')[0] ?? String(device.gid), openToGroup: (device.mode & 0o060) === 0o060 };
}

/** Files that Docker and Podman put into their containers. */
async function isContainer(): Promise<boolean> {
  const marks = ['/.dockerenv', '/run/.containerenv'];
  const found = await Promise.all(marks.map(pathExists));
  return found.includes(true) || process.env['container'] !== undefined;
}
