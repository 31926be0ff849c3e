import { InvalidConfigError } from '@microsandbox/types';
import type { SecretEntry, SecretsConfig } from '../config/secret-config.ts';

/**
 * Secrets with their values, read from the environment of whoever starts the sandbox (spec: network 14.8). The result
 * goes to the sandbox process only, and nowhere on disk.
 *
 * @throws InvalidConfigError for a variable that is missing or empty
 */
export function resolveSecrets(
  config: SecretsConfig,
  env: Readonly<Record<string, string | undefined>>,
): SecretsConfig {
  return { ...config, secrets: config.secrets.map((secret) => resolveSecret(secret, env)) };
}

function resolveSecret(secret: SecretEntry, env: Readonly<Record<string, string | undefined>>): SecretEntry {
  const { source, ...entry } = secret;
  if (source === undefined) return secret;
  const failure = (reason: string, hint?: string): InvalidConfigError =>
    new InvalidConfigError(`secret ${secret.env_var}: ${reason}`, hint === undefined ? {} : { hint });
  if (source.kind === 'store') throw failure('store-backed secret sources are not supported yet');
  const value = env[source.var];
  if (value === undefined) {
    throw failure(
      `host environment variable ${source.var} is not set`,
      `set ${source.var} where the sandbox is started`,
    );
  }
  if (value === '') throw failure(`host environment variable ${source.var} is empty`);
  return { ...entry, value };
}
