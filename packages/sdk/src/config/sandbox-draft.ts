import type { RootDisk, SandboxConfigRecord } from '@microsandbox/types';
import type { VolumeMount } from '../builders/mount-builder.ts';
import type { Patch } from '../builders/patch-builder.ts';
import { emptyNetworkSpec, type NetworkSpec } from '../network/network-spec.ts';
import type { CpuPlacement, LogLevel, PullPolicy, Rlimit, SecurityProfile, ThpPolicy } from '../values.ts';
import type { StoredEnv } from './environment.ts';
import type { StoredInit } from './init-command.ts';
import type { StoredImage } from './rootfs-source.ts';

/** A published port in stored form. */
export interface StoredPort {
  readonly host_port: number;
  readonly guest_port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly host_bind: string;
}

/** A route from the guest to a socket of the host, in stored form. */
export interface StoredVsockRoute {
  readonly host_socket: string;
  readonly port: number;
  readonly socket_type: 'stream' | 'dgram';
}

/**
 * What a person said about a sandbox, before the host's defaults are laid under it: a key that was not set is
 * undefined. Sizes in MiB, times in seconds unless the name says otherwise.
 */
export interface SandboxDraft {
  name: string;
  image?: StoredImage;
  rootDisk?: RootDisk;
  snapshot?: string;
  cpus?: number;
  maxCpus?: number;
  memoryMib?: number;
  maxMemoryMib?: number;
  cpuPlacement?: CpuPlacement;
  placementProfile?: string;
  thp?: ThpPolicy;
  /** Null switches logging off. */
  logLevel?: LogLevel | null;
  ephemeral?: boolean;
  metricsSampleIntervalMs?: number;
  disableMetricsSample?: boolean;
  workdir?: string;
  shell?: string;
  hostname?: string;
  user?: string;
  security?: SecurityProfile;
  deployment?: SandboxConfigRecord['deployment_profile'];
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  init?: StoredInit;
  pullPolicy?: PullPolicy;
  maxDurationSecs?: number;
  idleTimeoutSecs?: number;
  network: NetworkSpec;
  readonly vsock: StoredVsockRoute[];
  readonly env: StoredEnv;
  readonly labels: Record<string, string>;
  readonly rlimits: Rlimit[];
  readonly scripts: Record<string, string>;
  readonly mounts: VolumeMount[];
  readonly patches: Patch[];
}

/** A draft in which only the name is set. */
export function emptyDraft(name: string): SandboxDraft {
  return {
    name,
    network: emptyNetworkSpec(),
    vsock: [],
    env: [],
    labels: {},
    rlimits: [],
    scripts: {},
    mounts: [],
    patches: [],
  };
}
