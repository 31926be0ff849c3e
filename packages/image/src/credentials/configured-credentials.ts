import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostConfig, InvalidConfigError } from '@microsandbox/types';
import type { RegistryCredentials } from '../registry/credentials.ts';
import type { Keyring } from './keyring.ts';

type HostEntry = HostConfig['registries']['hosts'][string];

export interface ConfiguredCredentialsOptions {
  /** Registry as references name it. */
  readonly registry: string;
  /** `registries.hosts` of the host configuration. */
  readonly hosts: Readonly<Record<string, HostEntry>>;
  /** Folder with secrets; those of registries are in its folder `registries`. */
  readonly secretsDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly keyring: Keyring;
}

/**
 * The credentials that the host configuration names for a registry, or null when it names none.
 *
 * @throws {InvalidConfigError} when what it names cannot be had: the user asked for it.
 */
export async function configuredCredentials(
  options: ConfiguredCredentialsOptions,
): Promise<RegistryCredentials | null> {
  const { registry, hosts } = options;
  const auth = Object.hasOwn(hosts, registry) ? hosts[registry]?.auth : undefined;
  if (auth === undefined || auth === null) return null;
  const { store, password_env, secret_name } = auth;
  const sources = [store, password_env, secret_name].filter((source) => source !== undefined);
  if (sources.length === 0) throw failure(registry, 'entry has no credential source');
  if (sources.length > 1) throw failure(registry, 'entry defines multiple credential sources');
  if (store !== undefined) return fromKeyring(options);
  const { username } = auth;
  if (password_env !== undefined) return { username, password: fromEnvironment(options, password_env) };
  return { username, password: await fromSecret(options, secret_name ?? '') };
}

async function fromKeyring({
  registry,
  keyring,
}: ConfiguredCredentialsOptions): Promise<RegistryCredentials> {
  let found: RegistryCredentials | null;
  try {
    found = await keyring.read(registry);
  } catch (cause) {
    throw failure(registry, `failed to read OS keyring entry: ${(cause as Error).message}`, cause);
  }
  if (found === null) throw failure(registry, 'OS keyring entry is missing');
  return found;
}

function fromEnvironment({ registry, env }: ConfiguredCredentialsOptions, name: string): string {
  const password = env[name];
  if (password === undefined) throw failure(registry, `environment variable \`${name}\` is not set`);
  return password;
}

async function fromSecret(
  { registry, secretsDir }: ConfiguredCredentialsOptions,
  name: string,
): Promise<string> {
  const path = join(secretsDir, 'registries', name);
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw failure(registry, `failed to read secret \`${path}\`: ${(cause as Error).message}`, cause);
  }
}

function failure(registry: string, reason: string, cause?: unknown): InvalidConfigError {
  return new InvalidConfigError(`registry auth for ${registry}: ${reason}`, {
    cause,
    hint: `run msb registry login ${registry}, or correct registries.hosts in config.json`,
  });
}
