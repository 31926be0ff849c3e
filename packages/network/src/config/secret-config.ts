import type { HostPattern } from './host-pattern.ts';
import { invalidConfig } from './invalid-config.ts';

/** Longest placeholder, in bytes. */
export const MAX_PLACEHOLDER_BYTES = 1024;

/** What happens to a connection that carries a placeholder where its secret may not go (spec: network 14.2). */
export type ViolationAction =
  | 'block'
  | 'block-and-log'
  | 'block-and-terminate'
  | { readonly passthrough: readonly HostPattern[] };

/** Where in a request a placeholder becomes the value. */
export interface StoredInjection {
  readonly headers: boolean;
  readonly basic_auth: boolean;
  readonly query_params: boolean;
  readonly body: boolean;
}

/** A secret in stored form (spec: network 14.1). */
export interface SecretEntry {
  /** Identity of the secret, and the guest's variable that holds the placeholder. */
  readonly env_var: string;
  /** The real value; empty when it comes from `source`. */
  readonly value: string;
  /** Where the value is read when the sandbox starts. */
  readonly source?:
    | { readonly kind: 'env'; readonly var: string }
    | { readonly kind: 'store'; readonly reference: string }
    | undefined;
  readonly placeholder: string;
  readonly allowed_hosts: readonly HostPattern[];
  readonly injection: StoredInjection;
  readonly on_violation?: ViolationAction | undefined;
  /** Substitutes only where the server proved its name by a certificate. */
  readonly require_tls_identity: boolean;
}

export interface SecretsConfig {
  readonly secrets: readonly SecretEntry[];
  readonly on_violation: ViolationAction;
}

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
      throw invalidConfig(`invalid network secrets: secret #${index}: ${problem}`);
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
