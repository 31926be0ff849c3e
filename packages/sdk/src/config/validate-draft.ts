import { access, realpath } from 'node:fs/promises';
import type { HostConfig, RootDisk, SandboxConfigRecord } from '@microsandbox/types';
import { validateHostname, validateSandboxName } from '@microsandbox/utils';
import { assertNetworkSpec } from '../network/network-spec.ts';
import { assertArgv } from './argv.ts';
import { assertEnvironment } from './environment.ts';
import { assertInit } from './init-command.ts';
import { invalidConfig } from './invalid-config.ts';
import { assertLabels } from './labels.ts';
import { arrangeMounts } from './mounts.ts';
import { resourcesOfDraft } from './record-of-draft.ts';
import { assertRlimits } from './rlimits.ts';
import type { SandboxDraft, StoredVsockRoute } from './sandbox-draft.ts';

const MAX_CPUS = 255;
const MAX_U32 = 0xffff_ffff;

/**
 * Checks what a person said, in the order of the reference SDK (spec: sdk 11.3), before a record is made of it.
 *
 * @throws InvalidConfigError
 */
export function validateDraft(draft: SandboxDraft, host: HostConfig): void {
  if (draft.name === '') throw invalidConfig('sandbox name is required');
  validateSandboxName(draft.name);
  validateHostname(draft.hostname);
  assertPositive('cpus', draft.cpus);
  assertPositive('memory', draft.memoryMib);
  assertPositive('max_cpus', draft.maxCpus);
  assertPositive('max_memory', draft.maxMemoryMib);
  for (const seconds of [draft.maxDurationSecs, draft.idleTimeoutSecs]) {
    if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 0)) {
      throw invalidConfig(`a duration must be a whole number of seconds, got ${seconds}`);
    }
  }
  assertCeilings(resourcesOfDraft(draft, host.sandbox_defaults));
  assertNetworkSpec(draft.network);
}

/**
 * Checks a whole record, defaults included, in the order of the reference SDK (spec: sdk 11.3).
 *
 * @throws InvalidConfigError
 */
export async function validateRecord(record: SandboxConfigRecord): Promise<void> {
  assertImage(record);
  assertRlimits(record.rlimits);
  arrangeMounts(record.mounts);
  assertEnvironment(record.env);
  assertLabels(record.labels);
  const { routes = [] } = (record['vsock'] ?? {}) as { routes?: StoredVsockRoute[] };
  assertVsock(routes, record.deployment_profile);
  assertArgv('entrypoint', record.runtime.entrypoint);
  assertArgv('cmd', record.runtime.cmd);
  assertInit(record.init);
  await assertDiskMounts(record.mounts);
}

function assertPositive(what: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0)) throw invalidConfig(`${what} must be greater than 0`);
}

function assertCeilings(resources: SandboxConfigRecord['resources']): void {
  const { cpus, memory_mib, max_cpus = cpus, max_memory_mib = memory_mib } = resources;
  if (max_cpus < cpus) {
    throw invalidConfig(`max_cpus ${max_cpus} must be greater than or equal to cpus ${cpus}`);
  }
  if (max_memory_mib < memory_mib) {
    throw invalidConfig(
      `max_memory ${max_memory_mib} MiB must be greater than or equal to memory ${memory_mib} MiB`,
    );
  }
  if (max_cpus > MAX_CPUS) throw invalidConfig(`max_cpus must be at most ${MAX_CPUS}, got ${max_cpus}`);
  if (max_memory_mib > MAX_U32) {
    throw invalidConfig(`max_memory must be at most ${MAX_U32} MiB, got ${max_memory_mib}`);
  }
}

function assertImage(record: SandboxConfigRecord): void {
  const { image } = record;
  if ('Oci' in image) {
    if (image.Oci.reference === '') throw invalidConfig('image source is required');
    assertRootDisk(image.Oci.root_disk, record);
  } else if ('DiskImage' in image && record.patches.length > 0) {
    throw invalidConfig('patches are not compatible with disk image rootfs');
  }
}

function assertRootDisk(disk: RootDisk | undefined, record: SandboxConfigRecord): void {
  if (disk === undefined) return;
  const { memory_mib } = record.resources;
  if (disk.kind === 'disk-image' && disk.path === '') {
    throw invalidConfig('disk-image root disk path must not be empty');
  }
  if (disk.kind !== 'disk-image' && disk.size_mib !== undefined && !(disk.size_mib > 0)) {
    throw invalidConfig('root disk size must be greater than 0');
  }
  if (disk.kind === 'tmpfs' && disk.size_mib !== undefined && disk.size_mib > memory_mib) {
    throw invalidConfig(
      `tmpfs root disk size (${disk.size_mib} MiB) must not exceed sandbox memory (${memory_mib} MiB)`,
    );
  }
  if ((disk.kind === 'tmpfs' || disk.kind === 'disk-image') && record.patches.length > 0) {
    throw invalidConfig('patches require a managed root disk (they are baked into the upper at create time)');
  }
}

function assertVsock(
  routes: readonly StoredVsockRoute[],
  profile: SandboxConfigRecord['deployment_profile'],
): void {
  if (routes.length > 0 && profile === 'multi_tenant') {
    throw invalidConfig('host vsock routes are disabled for multi-tenant deployments');
  }
  const seen = new Set<string>();
  for (const { host_socket, port, socket_type } of routes) {
    if (!host_socket.startsWith('/')) throw invalidConfig(`vsock host path must be absolute: ${host_socket}`);
    if (!Number.isInteger(port) || port < 1 || port >= MAX_U32) {
      throw invalidConfig(`vsock port ${port} must be between 1 and ${MAX_U32 - 1}`);
    }
    if (socket_type === 'dgram' && port === 123) {
      throw invalidConfig('vsock datagram port 123 is reserved for guest clock synchronization');
    }
    const type = socket_type === 'stream' ? 'Stream' : 'Dgram';
    if (seen.has(`${type} ${port}`)) throw invalidConfig(`duplicate vsock ${type} route for port ${port}`);
    seen.add(`${type} ${port}`);
  }
}

/** Disk images must exist, and none may be mounted twice. */
async function assertDiskMounts(mounts: SandboxConfigRecord['mounts']): Promise<void> {
  const seen = new Set<string>();
  for (const mount of mounts) {
    if (mount.type !== 'DiskImage') continue;
    const host = String((mount as { host?: unknown }).host);
    const real = await access(host)
      .then(() => realpath(host))
      .catch((error: Error) => {
        throw invalidConfig(`disk image host path does not exist: ${host} (${error.message})`);
      });
    if (seen.has(real)) throw invalidConfig(`disk-image volumes cannot share the same host path: ${host}`);
    seen.add(real);
  }
}
