export { type HostPattern, matchesHost, parseHostPattern } from './config/host-pattern.ts';
export { formatNameserver, type Nameserver, parseNameserver } from './config/nameserver.ts';
export * from './config/network-config.ts';
export { completeNetworkConfig, type NetworkSettings } from './config/network-settings.ts';
export { parseNetworkConfig } from './config/parse-network-config.ts';
export * from './config/rate-limit.ts';
export * from './config/secret-config.ts';
export { type TenantConfig, tenantConfig } from './config/tenant-config.ts';
export type { ConnectionEvent, SecretViolationReport } from './connections/connection-event.ts';
export { ConnectionServer, type ConnectionServerOptions } from './connections/connection-server.ts';
export { DnsForwarder, type DnsForwarderOptions, HOST_ALIAS } from './dns/dns-forwarder.ts';
export { DnsUpstreams, type UpstreamsOptions } from './dns/upstreams.ts';
export { NetworkEngine, type NetworkEngineOptions } from './engine/network-engine.ts';
export {
  type DeploymentProfile,
  type NetworkPlan,
  type NetworkRequest,
  planNetwork,
} from './engine/network-plan.ts';
export { StackStream, type StreamStack } from './engine/stack-stream.ts';

export { assertPolicy } from './policy/assert-policy.ts';
export {
  type CheckedDestination,
  type CheckOptions,
  checkDestination,
  type DestinationVerdict,
} from './policy/check-destination.ts';
export { type Cidr, cidrOfAddress, familyOf, parseCidr } from './policy/cidr.ts';
export { composePolicy, type PolicyRequest } from './policy/compose-policy.ts';
export { normalizeDomain, normalizeSuffix } from './policy/domain-name.ts';
export { formatNetRule } from './policy/format-net-rule.ts';
export { learnRules, type TriedConnection } from './policy/learn-rules.ts';
export { listedPolicy, POLICY_PRESETS, type PolicyLists, type PolicyPreset } from './policy/listed-policy.ts';
export { parseNetRule, parseNetRules } from './policy/net-rule.ts';
export * from './policy/policy.ts';
export * from './policy/presets.ts';
export { BlockedConnection, type MatchForm, type SecretViolation } from './secrets/blocked.ts';
export { ConnectionFilter } from './secrets/connection-filter.ts';
export { type ConnectionFacts, planSecrets, type SecretPlan } from './secrets/eligibility.ts';
export { LiveSecrets, type SecretChange } from './secrets/live-secrets.ts';
export type { RequestFilter, RequestFilterOptions, RequestSummary } from './secrets/request-filter.ts';
export { resolveSecrets } from './secrets/resolve-secrets.ts';
export { type GuestCaFile, type GuestCaOptions, guestCaFiles } from './tls/guest-ca-files.ts';
export { TlsInterception, type TlsInterceptionOptions } from './tls/tls-interception.ts';
