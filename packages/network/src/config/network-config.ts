import { InvalidConfigError } from '@microsandbox/types';
import * as z from 'zod';
import { policySchema } from '../policy/policy.ts';
import { defaultPolicy } from '../policy/presets.ts';
import { nameserverSchema } from './nameserver.ts';
import { assertRateLimiter, rateLimiterSchema } from './rate-limit.ts';
import { assertSecrets, secretsConfigSchema } from './secret-config.ts';

/** Connections that a guest may have open at most, whatever it was given. */
export const MAX_CONNECTIONS = 4096;

const port = z.number().int().min(0).max(65_535);
const nullableText = z.string().nullable().default(null);

const interfaceSchema = z.object({
  mac: z.array(z.number().int().min(0).max(255)).length(6).nullable().default(null),
  mtu: z.number().int().nullable().default(null),
  ipv4_address: nullableText,
  ipv4_pool: nullableText,
  ipv6_address: nullableText,
  ipv6_pool: nullableText,
});

export const publishedPortSchema = z.object({
  host_port: port,
  guest_port: port,
  protocol: z.preprocess(
    (value) => (typeof value === 'string' ? value.toLowerCase() : value),
    z.enum(['tcp', 'udp']).default('tcp'),
  ),
  host_bind: z.string().default('127.0.0.1'),
});

const dnsSchema = z.object({
  rebind_protection: z.boolean().default(true),
  nameservers: z.array(nameserverSchema).default([]),
  query_timeout_ms: z.number().int().positive().default(5000),
});

const tlsSchema = z.preprocess(
  renameAliases,
  z.object({
    enabled: z.boolean().default(false),
    intercepted_ports: z.array(port).default([443]),
    /** Host patterns: `name`, or `*.suffix` for it and everything under it. */
    bypass: z.array(z.string()).default([]),
    verify_upstream: z.boolean().default(true),
    block_quic_on_intercept: z.boolean().default(true),
    /** PEM files that are trusted beside the host's own roots. */
    upstream_ca_cert: z.array(z.string()).default([]),
    scoped_upstream_ca_cert: z.array(z.object({ pattern: z.string(), path: z.string() })).default([]),
    scoped_verify_upstream: z.array(z.object({ pattern: z.string(), verify: z.boolean() })).default([]),
    intercept_ca: z
      .object({ cert_path: nullableText, key_path: nullableText })
      .default({ cert_path: null, key_path: null }),
    cache: z
      .object({
        capacity: z.number().int().min(0).default(1000),
        validity_hours: z.number().int().positive().default(24),
      })
      .default({ capacity: 1000, validity_hours: 24 }),
  }),
);

/** Names that older releases gave to two keys. */
function renameAliases(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { scoped_upstream_ca_certs, ca, ...rest } = value as Readonly<Record<string, unknown>>;
  return {
    ...(scoped_upstream_ca_certs !== undefined && { scoped_upstream_ca_cert: scoped_upstream_ca_certs }),
    ...(ca !== undefined && { intercept_ca: ca }),
    ...rest,
  };
}

/** The network of a sandbox, complete: what the stored spec leaves out has its default (spec: network 18). */
export const networkConfigSchema = z.object({
  enabled: z.boolean().default(true),
  interface: interfaceSchema.prefault({}),
  ports: z.array(publishedPortSchema).default([]),
  policy: policySchema.default(defaultPolicy),
  dns: dnsSchema.prefault({}),
  tls: tlsSchema.prefault({}),
  secrets: secretsConfigSchema.prefault({}),
  max_connections: z.number().int().positive().nullable().default(null),
  rate_limiter: rateLimiterSchema.nullable().default(null),
  trust_host_cas: z.boolean().default(false),
});

export type NetworkConfig = z.infer<typeof networkConfigSchema>;
export type PublishedPort = z.infer<typeof publishedPortSchema>;
export type TlsConfig = NetworkConfig['tls'];
export type DnsConfig = NetworkConfig['dns'];

/**
 * Reads and checks the network part of a stored spec or of a launch configuration.
 *
 * @throws InvalidConfigError that names the key; never quotes a secret's value
 */
export function parseNetworkConfig(value: unknown): NetworkConfig {
  const parsed = networkConfigSchema.safeParse(value ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = ['network', ...(issue?.path ?? [])].join('.');
    throw new InvalidConfigError(`invalid config: ${key}: ${issue?.message ?? 'cannot be read'}`);
  }
  const config = parsed.data;
  if (config.max_connections !== null && config.max_connections > MAX_CONNECTIONS) {
    throw new InvalidConfigError(
      `invalid config: max_connections ${config.max_connections} exceeds hard limit ${MAX_CONNECTIONS}`,
    );
  }
  const { cert_path, key_path } = config.tls.intercept_ca;
  if ((cert_path === null) !== (key_path === null)) {
    throw new InvalidConfigError(
      'invalid config: intercept CA config is incomplete; set both cert_path and key_path',
    );
  }
  assertSecrets(config.secrets.secrets);
  if (config.rate_limiter !== null) assertRateLimiter(config.rate_limiter);
  return config;
}
