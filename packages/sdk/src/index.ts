export type { ImageHistoryEntry } from '@microsandbox/image';
export {
  AgentClientError,
  AgentLostError,
  type BootErrorRecord,
  type BootFailureKind,
  BootStartError,
  CloudHttpError,
  CustomError,
  DatabaseError,
  ExecFailedError,
  type ExecFailure,
  type ExecFailureKind,
  ExecTimeoutError,
  HttpError,
  ImageError,
  ImageInUseError,
  ImageNotFoundError,
  InvalidConfigError,
  IoError,
  JsonError,
  LibkrunfwNotFoundError,
  MetricsDisabledError,
  MetricsUnavailableError,
  MicrosandboxError,
  type MicrosandboxErrorCode,
  NixError,
  NoDefaultCommandError,
  PatchFailedError,
  ProtocolError,
  type PullProgress,
  type PullProgressEvent,
  RuntimeError,
  SandboxAlreadyExistsError,
  SandboxFsOpsError,
  SandboxNotFoundError,
  SandboxNotRunningError,
  SandboxStillRunningError,
  TerminalError,
  UnsupportedError,
  UnsupportedOperationError,
  type VmmChoice,
  type VmmWish,
  VolumeAlreadyExistsError,
  VolumeNotFoundError,
} from '@microsandbox/types';
export * from './agent/agent-client.ts';
export type { Backend, BackendInfo, BackendSource } from './backend/backend.ts';
export { withBackend } from './backend/current-backend.ts';
export {
  type DefaultBackend,
  defaultBackendInfo,
  defaultBackendKind,
  setDefaultBackend,
  withDefaultBackend,
} from './backend/default-backend.ts';
export { LocalBackend, type LocalBackendOptions } from './backend/local-backend.ts';
export { LocalBackendBuilder } from './backend/local-backend-builder.ts';
export { setRuntimeLibkrunfwPath } from './backend/runtime-libkrunfw.ts';
export type * from './backend/sandbox-launcher.ts';
export type * from './boot-info.ts';
export { type AttachOptions, AttachOptionsBuilder } from './builders/attach-options-builder.ts';
export { type ExecOptions, ExecOptionsBuilder, type StdinOption } from './builders/exec-options-builder.ts';
export { ImageBuilder } from './builders/image-builder.ts';
export { InitOptionsBuilder } from './builders/init-options-builder.ts';
export { MountBuilder, type NamedVolumeMode, type VolumeMount } from './builders/mount-builder.ts';
export { type Patch, PatchBuilder } from './builders/patch-builder.ts';
export { RegistryConfigBuilder, type RegistryOptions } from './builders/registry-config-builder.ts';
export { RootDiskBuilder } from './builders/root-disk-builder.ts';
export { SandboxBuilder } from './builders/sandbox-builder.ts';
export { SandboxListBuilder, type SandboxListOptions } from './builders/sandbox-list-builder.ts';
export { intoRootfsSource, type RootfsSource } from './config/rootfs-source.ts';
export type { ExecEvent } from './exec/exec-event.ts';
export { ExecHandle } from './exec/exec-handle.ts';
export { ExecOutput } from './exec/exec-output.ts';
export type { ExecSession } from './exec/exec-session.ts';
export { ExecSink } from './exec/exec-sink.ts';
export { Stdin, type StdinMode } from './exec/stdin.ts';
export type { FsEntry, FsEntryKind } from './fs/fs-entry.ts';
export type { FsMetadata } from './fs/fs-metadata.ts';
export { FsReadStream } from './fs/fs-read-stream.ts';
export { FsWriteSink } from './fs/fs-write-sink.ts';
export type { GuestPath } from './fs/guest-path.ts';
export { SandboxFsOps } from './fs/sandbox-fs-ops.ts';
export { SandboxFsSession } from './fs/sandbox-fs-session.ts';
export { Image, type ImagePruneReport, type ImagePullOptions } from './images/image.ts';
export type { ImageConfigDetail, ImageDetail, ImageLayerDetail } from './images/image-detail.ts';
export type { ImageDiskUsage, ImageSpace } from './images/image-disk-usage.ts';
export { ImageHandle } from './images/image-handle.ts';
export { Registries } from './images/registries.ts';
export type { CredentialStore, RegistryEntry, RegistryLogin } from './images/registry-credentials.ts';
export type { SandboxRemoval } from './lifecycle/force-remove.ts';
export { listAllSandboxes } from './lifecycle/list-all-sandboxes.ts';
export { LogEntry } from './logs/log-entry.ts';
export type { LogReadOptions, LogReadSource, LogSource, LogStreamOptions } from './logs/log-options.ts';
export { LogStream } from './logs/log-stream.ts';
export type { LogSnapshot } from './logs/read-logs.ts';
export { readSandboxLogs, streamSandboxLogs } from './logs/sandbox-logs.ts';
export {
  type MetricsReport,
  type MetricsReportState,
  sandboxMetricsReports,
} from './metrics/metrics-reports.ts';
export { MetricsStream } from './metrics/metrics-stream.ts';
export { allSandboxMetrics } from './metrics/read-metrics.ts';
export type { SandboxMetrics } from './metrics/sandbox-metrics.ts';
export type * from './modify/modification.ts';
export { DnsBuilder, type DnsOptions } from './network/dns-builder.ts';
export { InterfaceOverridesBuilder } from './network/interface-overrides-builder.ts';
export { NetworkBuilder, type NetworkConfig } from './network/network-builder.ts';
export { NetworkPolicyBuilder } from './network/network-policy-builder.ts';
export { NetworkRateLimiterBuilder } from './network/network-rate-limiter-builder.ts';
export {
  type Action,
  Destination,
  type Direction,
  NetworkPolicy,
  type NetworkProfile,
  PortRange,
  type Protocol,
  Rule,
} from './network/policy-values.ts';
export { RateLimiterBuilder } from './network/rate-limiter-builder.ts';
export { RuleBuilder } from './network/rule-builder.ts';
export { RuleDestinationBuilder } from './network/rule-destination-builder.ts';
export { SecretBuilder, type SecretInjection, type SecretOptions } from './network/secret-builder.ts';
export { TlsBuilder, type TlsOptions } from './network/tls-builder.ts';
export { ViolationActionBuilder } from './network/violation-action-builder.ts';
export type { NetworkEvent, NetworkEventOptions } from './network-events/network-event.ts';
export { PullProgressCreate, type PullProgressStream } from './pull-progress-create.ts';
export { Sandbox } from './sandbox.ts';
export { SandboxHandle } from './sandbox-handle.ts';
export type { SandboxPage } from './sandbox-page.ts';
export type * from './sandbox-results.ts';
export * from './sizes.ts';
export * from './values.ts';
export { Volume } from './volumes/volume.ts';
export { VolumeBuilder } from './volumes/volume-builder.ts';
export { VolumeFs } from './volumes/volume-fs.ts';
export { VolumeFsReadStream, VolumeFsWriteSink } from './volumes/volume-fs-streams.ts';
export { VolumeHandle } from './volumes/volume-handle.ts';
export type { VolumeSpec } from './volumes/volume-spec.ts';
export { WarmBoot } from './warm/warm-boot.ts';
export type { PrewarmOptions, WarmTemplate } from './warm/warm-templates.ts';
