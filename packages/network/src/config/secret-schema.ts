import * as z from 'zod';
import type { HostPattern } from './host-pattern.ts';
import type { SecretEntry, SecretsConfig, ViolationAction } from './secret-config.ts';

/** Older releases wrote `Any`, `Exact` and `Wildcard`. */
function lowerCaseTag(value: unknown): unknown {
  if (typeof value === 'string') return value.toLowerCase();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item]));
}

/** Older releases wrote `BlockAndLog` and `block_and_log`. */
function kebabCaseTag(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

const hostPatternSchema = z.preprocess(
  lowerCaseTag,
  z.union([
    z.literal('any'),
    z.strictObject({ exact: z.string() }),
    z.strictObject({ wildcard: z.string() }),
  ]),
) satisfies z.ZodType<HostPattern, unknown>;

const violationActionSchema = z.preprocess(
  kebabCaseTag,
  z.union([
    z.enum(['block', 'block-and-log', 'block-and-terminate']),
    z.strictObject({ passthrough: z.array(hostPatternSchema) }),
  ]),
) satisfies z.ZodType<ViolationAction, unknown>;

const secretEntrySchema = z.object({
  env_var: z.string(),
  value: z.string().default(''),
  source: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('env'), var: z.string() }),
      z.object({ kind: z.literal('store'), reference: z.string() }),
    ])
    .optional(),
  placeholder: z.string(),
  allowed_hosts: z.array(hostPatternSchema),
  injection: z
    .object({
      headers: z.boolean().default(true),
      basic_auth: z.boolean().default(true),
      query_params: z.boolean().default(false),
      body: z.boolean().default(false),
    })
    .prefault({}),
  on_violation: violationActionSchema.optional(),
  require_tls_identity: z.boolean().default(true),
}) satisfies z.ZodType<SecretEntry, unknown>;

/** Secrets from a file. */
export const secretsSchema = z.object({
  secrets: z.array(secretEntrySchema).default([]),
  on_violation: violationActionSchema.default('block-and-log'),
}) satisfies z.ZodType<SecretsConfig, unknown>;
