import { CustomError } from '@microsandbox/types';

/** What `--secret` asks for: a variable of the host, and who may see its value. */
export interface SecretSpec {
  /** Name of the secret, and of the host's variable that holds its value. */
  readonly env: string;
  /** Exact names, `*.suffix`, or `*` for any. */
  readonly hosts: readonly string[];
}

/**
 * `ENV@HOST[,HOST...]`, split at the last `@` (spec: cli 3.12). A value never stands on a command line, where other
 * users of the machine could read it.
 *
 * @throws CustomError
 */
export function parseSecret(text: string, command: string): SecretSpec {
  if (text.includes('=')) {
    throw new CustomError(
      `inline secret values (\`ENV=VALUE@HOST\`) are not supported by \`${command}\`: ` +
        'export the variable and give ENV@HOST',
    );
  }
  const at = text.lastIndexOf('@');
  if (at === -1) throw new CustomError('secret must be in format ENV@HOST[,HOST...]');
  const env = text.slice(0, at);
  const hosts = text
    .slice(at + 1)
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  if (env === '' || hosts.length === 0) {
    throw new CustomError('secret must be in format ENV@HOST[,HOST...] (all parts required)');
  }
  return { env, hosts };
}

/** Hosts of each secret; the same secret given again gets more of them. */
export function parseSecrets(texts: readonly string[], command: string): Map<string, string[]> {
  const secrets = new Map<string, string[]>();
  for (const text of texts) {
    const { env, hosts } = parseSecret(text, command);
    secrets.set(env, [...(secrets.get(env) ?? []), ...hosts]);
  }
  return secrets;
}
