import { InvalidConfigError } from '@microsandbox/types';
import * as z from 'zod';
import { hostPatternSchema } from './host-pattern.ts';

/** Longest placeholder, in bytes. */
export const MAX_PLACEHOLDER_BYTES = 1024;

const injectionSchema = z.object({
  headers: z.boolean().default(true),
  basic_auth: z.boolean().default(true),
  query_params: z.boolean().default(false),
  body: z.boolean().default(false),
});

const PLAIN_ACTIONS = ['block', 'block-and-log', 'block-and-terminate'] as const;

/** What happens to a connection that carries a placeholder where its secret may not go (spec: network 14.2). */
export const violationActionSchema = z.preprocess(
  kebabCaseTag,
  z.union([z.enum(PLAIN_ACTIONS), z.strictObject({ passthrough: z.array(hostPatternSchema) })]),
);

/** Older releases wrote `BlockAndLog` and `block_and_log`. */
function kebabCaseTag(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

export const secretEntrySchema = z.object({
  /** Identity of the secret, and the guest's variable that holds the placeholder. */
  env_var: z.string(),
  /** The real value; empty when it comes from `source`. */
  value: z.string().default(''),
  source: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('env'), var: z.string() }),
      z.object({ kind: z.literal('store'), reference: z.string() }),
    ])
    .optional(),
  placeholder: z.string(),
  allowed_hosts: z.array(hostPatternSchema),
  injection: injectionSchema.prefault({}),
  on_violation: violationActionSchema.optional(),
  /** Substitutes only where the server proved its name by a certificate. */
  require_tls_identity: z.boolean().default(true),
});

export const secretsConfigSchema = z.object({
  secrets: z.array(secretEntrySchema).default([]),
  on_violation: violationActionSchema.default('block-and-log'),
});

export type SecretEntry = z.infer<typeof secretEntrySchema>;
export type SecretsConfig = z.infer<typeof secretsConfigSchema>;
export type ViolationAction = z.infer<typeof violationActionSchema>;

/** What stands in the guest for the secret of this name, unless it is set. */
export function defaultPlaceholder(envVar: string): string {
  return `$MSB_${envVar}`;
}

/**
 * Refuses secrets that could not work or would leak; messages never hold a value (spec: network 14.1).
 *
 * @throws InvalidConfigError
 */
export function assertSecrets(secrets: readonly SecretEntry[]): void {
  for (const [index, secret] of secrets.entries()) {
    const problem = problemOf(secret);
    if (problem !== null) {
      throw new InvalidConfigError(`invalid config: invalid network secrets: secret #${index}: ${problem}`);
    }
  }
}

function problemOf({ env_var, placeholder, allowed_hosts, source }: SecretEntry): string | null {
  if (env_var === '') return 'env_var must not be empty';
  if (env_var.includes('=')) return 'env_var must not contain `=`';
  if (env_var.includes('\0')) return 'env_var must not contain NUL';
  if (allowed_hosts.length === 0) return 'at least one allowed host is required';
  if (source?.kind === 'store') return 'store-backed secret sources are not supported yet';
  return placeholderProblem(placeholder);
}

/** What is wrong with a placeholder, or null. */
export function placeholderProblem(placeholder: string): string | null {
  const bytes = Buffer.byteLength(placeholder);
  if (bytes === 0) return 'placeholder must not be empty';
  if (bytes > MAX_PLACEHOLDER_BYTES) {
    return `placeholder must be at most ${MAX_PLACEHOLDER_BYTES} bytes, got ${bytes}`;
  }
  if (placeholder.includes('\0')) return 'placeholder must not contain NUL';
  return /[\r\n]/.test(placeholder) ? 'placeholder must not contain CR or LF' : null;
}
