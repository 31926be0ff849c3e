import { invalidConfig } from '../config/invalid-config.ts';

/**
 * Reads the key that a profile refers to: `env:<VARIABLE>` or `inline:<key>`.
 *
 * @throws InvalidConfigError
 */
export function resolveApiKey(reference: string, env: NodeJS.ProcessEnv): string {
  const colon = reference.indexOf(':');
  const scheme = colon < 0 ? '' : reference.slice(0, colon);
  const rest = reference.slice(colon + 1);
  switch (scheme) {
    case 'env': {
      const key = env[rest]?.trim() ?? '';
      if (key === '')
        throw invalidConfig(`api_key_ref: environment variable \`${rest}\` is not set or empty`);
      return key;
    }
    case 'inline':
      if (rest === '') throw invalidConfig('api_key_ref: inline key is empty');
      return rest;
    case 'keyring':
      throw invalidConfig('api_key_ref: keyring references are not wired; use env:<VAR>');
    default:
      throw invalidConfig('api_key_ref must be env:<VAR>, inline:<key> or keyring:<service>:<name>');
  }
}
