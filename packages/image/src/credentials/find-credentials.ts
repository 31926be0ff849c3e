import type { HostConfig } from '@microsandbox/types';
import type { RegistryCredentials } from '../registry/credentials.ts';
import { configuredCredentials } from './configured-credentials.ts';
import { dockerCredentials } from './docker-credentials.ts';
import { type Keyring, systemKeyring } from './keyring.ts';

export interface FindCredentialsOptions {
  /** Registry as references name it: `docker.io`, not the server's name. */
  readonly registry: string;
  /** `registries.hosts` of the host configuration. */
  readonly hosts?: HostConfig['registries']['hosts'];
  /** Folder with secrets that the host configuration names. */
  readonly secretsDir: string;
  /** Where `DOCKER_CONFIG`, `HOME` and passwords are looked for; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** The system's by default. */
  readonly keyring?: Keyring;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks for the credentials of a registry: in the operating system's keyring, in the host configuration, with the
 * Docker client. Undefined when there are none: access is then anonymous.
 *
 * @throws {InvalidConfigError} when the host configuration names credentials that cannot be had.
 */
export async function findCredentials(
  options: FindCredentialsOptions,
): Promise<RegistryCredentials | undefined> {
  const { registry, secretsDir, hosts = {}, env = process.env, keyring = systemKeyring, signal } = options;
  // A system without a keyring is common, and nobody said that it holds something.
  const stored = await keyring.read(registry).catch(() => null);
  if (stored !== null) return stored;
  const configured = await configuredCredentials({ registry, hosts, secretsDir, env, keyring });
  return configured ?? (await dockerCredentials(registry, { env, signal })) ?? undefined;
}
