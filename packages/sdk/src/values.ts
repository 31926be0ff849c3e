/** Words that options take, in the order of the reference SDK, and what they type. */
import type { RlimitResource } from '@microsandbox/types';

export { RLIMIT_RESOURCES as RlimitResources, type RlimitResource } from '@microsandbox/types';

export const LogLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LogLevels)[number];

export const PullPolicies = ['always', 'if-missing', 'never'] as const;
export type PullPolicy = (typeof PullPolicies)[number];

export const SandboxStatuses = [
  'created',
  'starting',
  'running',
  'draining',
  'paused',
  'stopped',
  'crashed',
] as const;
export type SandboxStatus = (typeof SandboxStatuses)[number];

export const DiskImageFormats = ['qcow2', 'raw', 'vmdk'] as const;
export type DiskImageFormat = (typeof DiskImageFormats)[number];

export const RootfsSourceKinds = ['bind', 'oci', 'disk'] as const;
export type RootfsSourceKind = (typeof RootfsSourceKinds)[number];

export const VolumeMountKinds = ['bind', 'named', 'tmpfs', 'disk'] as const;
export type VolumeMountKind = (typeof VolumeMountKinds)[number];

export const StatVirtualizations = ['strict', 'relaxed', 'off'] as const;
export type StatVirtualization = (typeof StatVirtualizations)[number];

export const HostPermissionsList = ['private', 'mirror'] as const;
export type HostPermissions = (typeof HostPermissionsList)[number];

export const PatchKinds = [
  'text',
  'file',
  'copyFile',
  'copyDir',
  'symlink',
  'mkdir',
  'remove',
  'append',
] as const;
export type PatchKind = (typeof PatchKinds)[number];

export const RegistryAuthKinds = ['anonymous', 'basic'] as const;
export type RegistryAuthKind = (typeof RegistryAuthKinds)[number];
export type RegistryAuth =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string };

/** One resource limit, in the resource's own unit. */
export interface Rlimit {
  readonly resource: RlimitResource;
  readonly soft: number;
  readonly hard: number;
}

export const CpuPlacements = ['inherit', 'auto', 'spread', 'compact'] as const;
export type CpuPlacement = (typeof CpuPlacements)[number];

export const ThpPolicies = ['always', 'madvise', 'never'] as const;
export type ThpPolicy = (typeof ThpPolicies)[number];

/** What is done when a secret's placeholder is sent where it may not go. */
export const ViolationActions = ['block', 'block-and-log', 'block-and-terminate', 'passthrough'] as const;
export type ViolationAction = (typeof ViolationActions)[number];

/** Kinds of addresses; each address is of one at most. */
export const DestinationGroups = [
  'public',
  'loopback',
  'private',
  'link-local',
  'metadata',
  'multicast',
  'host',
] as const;
export type DestinationGroup = (typeof DestinationGroups)[number];

export type DeploymentProfile = 'single-tenant' | 'multi-tenant';
export type SecurityProfile = 'default' | 'restricted';

/** How a program ended; `success` means code 0. */
export interface ExitStatus {
  readonly code: number;
  readonly success: boolean;
}
