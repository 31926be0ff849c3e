import * as z from 'zod';
import { policySchema } from '../policy/policy-schema.ts';
import { invalidConfig } from './invalid-config.ts';
import { formatNameserver, parseNameserver } from './nameserver.ts';
import { assertNetworkConfig, type NetworkConfig } from './network-config.ts';
import { completeNetworkConfig, type NetworkSettings } from './network-settings.ts';
import { secretsSchema } from './secret-schema.ts';

const port = z.number().int().min(0).max(65_535);
const nullableText = z.string().nullable();
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const bucketSchema = z.object({ size: count, refill_time_ms: count, one_time_burst: count.default(0) });
const rateLimitSchema = z.object({ bandwidth: bucketSchema.nullish(), ops: bucketSchema.nullish() });

const nameserverSchema = z.string().transform((text, context) => {
  try {
    return formatNameserver(parseNameserver(text));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const portSchema = z.object({
  host_port: port,
  guest_port: port,
  protocol: z.preprocess(
    // Older releases wrote `Tcp` and `Udp`.
    (value) => (typeof value === 'string' ? value.toLowerCase() : value),
    z.enum(['tcp', 'udp']).default('tcp'),
  ),
  host_bind: z.string().default('127.0.0.1'),
});

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

const tlsSchema = z.preprocess(
  renameAliases,
  z
    .object({
      enabled: z.boolean(),
      intercepted_ports: z.array(port),
      bypass: z.array(z.string()),
      verify_upstream: z.boolean(),
      block_quic_on_intercept: z.boolean(),
      upstream_ca_cert: z.array(z.string()),
      scoped_upstream_ca_cert: z.array(z.object({ pattern: z.string(), path: z.string() })),
      scoped_verify_upstream: z.array(z.object({ pattern: z.string(), verify: z.boolean() })),
      intercept_ca: z.object({
        cert_path: nullableText.default(null),
        key_path: nullableText.default(null),
      }),
      cache: z.object({
        capacity: count.default(1000),
        validity_hours: z.number().int().positive().default(24),
      }),
    })
    .partial(),
);

const settingsSchema = z
  .object({
    enabled: z.boolean(),
    interface: z
      .object({
        mac: z.array(z.number().int().min(0).max(255)).length(6).nullable(),
        mtu: z.number().int().nullable(),
        ipv4_address: nullableText,
        ipv4_pool: nullableText,
        ipv6_address: nullableText,
        ipv6_pool: nullableText,
      })
      .partial(),
    ports: z.array(portSchema),
    policy: policySchema,
    dns: z
      .object({
        rebind_protection: z.boolean(),
        nameservers: z.array(nameserverSchema),
        query_timeout_ms: z.number().int().positive(),
      })
      .partial(),
    tls: tlsSchema,
    secrets: secretsSchema,
    max_connections: z.number().int().positive().nullable(),
    rate_limiter: z
      .object({ egress: rateLimitSchema.nullish(), ingress: rateLimitSchema.nullish() })
      .nullable(),
    trust_host_cas: z.boolean(),
  })
  .partial();

/**
 * Reads and checks the network part of a stored spec or of a launch configuration, which is JSON.
 *
 * @throws InvalidConfigError that names the key; never quotes a secret's value
 */
export function parseNetworkConfig(value: unknown): NetworkConfig {
  const parsed = settingsSchema.safeParse(value ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = ['network', ...(issue?.path ?? [])].join('.');
    throw invalidConfig(`${key}: ${issue?.message ?? 'cannot be read'}`);
  }
  const config = completeNetworkConfig(parsed.data as NetworkSettings);
  assertNetworkConfig(config);
  return config;
}
