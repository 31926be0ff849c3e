export {
  type HostPattern,
  hostPatternSchema,
  matchesHost,
  parseHostPattern,
} from './config/host-pattern.ts';
export { formatNameserver, type Nameserver, parseNameserver } from './config/nameserver.ts';
export {
  type DnsConfig,
  MAX_CONNECTIONS,
  type NetworkConfig,
  type PublishedPort,
  parseNetworkConfig,
  type TlsConfig,
} from './config/network-config.ts';
export { assertRateLimiter, type RateLimiterConfig } from './config/rate-limit.ts';
export {
  assertSecrets,
  defaultPlaceholder,
  MAX_PLACEHOLDER_BYTES,
  placeholderProblem,
  type SecretEntry,
  type SecretsConfig,
  type ViolationAction,
} from './config/secret-config.ts';
export { type TenantConfig, tenantConfig } from './config/tenant-config.ts';
export { type Cidr, cidrOfAddress, familyOf, parseCidr } from './policy/cidr.ts';
export { composePolicy, type PolicyRequest } from './policy/compose-policy.ts';
export { normalizeDomain, normalizeSuffix } from './policy/domain-name.ts';
export { formatNetRule } from './policy/format-net-rule.ts';
export { parseNetRule, parseNetRules } from './policy/net-rule.ts';
export * from './policy/policy.ts';
export * from './policy/presets.ts';
