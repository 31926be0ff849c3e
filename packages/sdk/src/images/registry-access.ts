import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostConfig, InvalidConfigError } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import type { RegistryOptions } from '../builders/registry-config-builder.ts';

/** How to reach one registry. */
export interface RegistryAccess {
  /** Hosts spoken to without TLS. */
  readonly insecureHosts: readonly string[];
  readonly caCerts: readonly Buffer[];
  readonly auth?: { readonly username: string; readonly password: string };
}

/** Where the settings for a registry come from. */
export interface RegistryAccessInputs {
  /** Registry as the reference names it. */
  readonly registry: string;
  readonly host: HostConfig;
  readonly layout: HomeLayout;
  readonly env: NodeJS.ProcessEnv;
  /** What the call itself says; it wins. */
  readonly options?: RegistryOptions | undefined;
}

/**
 * Joins what the call and the host's settings say about a registry (spec: state 3).
 *
 * @throws InvalidConfigError for credentials that cannot be had
 */
export async function registryAccess(inputs: RegistryAccessInputs): Promise<RegistryAccess> {
  const { registry, host, options } = inputs;
  const configured = Object.entries(host.registries.hosts).filter(([, { insecure }]) => insecure);
  const auth = options?.auth ?? (await configuredAuth(inputs));
  return {
    insecureHosts: [...configured.map(([name]) => name), ...(options?.insecure ? [registry] : [])],
    caCerts: [...(await configuredCertificates(host)), ...(options?.caCerts ?? [])],
    ...(auth !== undefined && { auth }),
  };
}

async function configuredCertificates(host: HostConfig): Promise<Buffer[]> {
  const path = host.registries.ca_certs;
  if (path === undefined || path === null) return [];
  try {
    return [await readFile(path)];
  } catch (error) {
    throw new InvalidConfigError(
      `invalid config: failed to read CA certs from \`${path}\`: ${(error as Error).message}`,
      { cause: error, hint: 'correct registries.ca_certs in config.json' },
    );
  }
}

async function configuredAuth(inputs: RegistryAccessInputs): Promise<RegistryAccess['auth']> {
  const { registry, host, layout, env } = inputs;
  const entry = host.registries.hosts[registry]?.auth;
  if (entry === undefined || entry === null) return undefined;
  const fail = (reason: string): InvalidConfigError =>
    new InvalidConfigError(`invalid config: registry auth for ${registry}: ${reason}`, {
      hint: `correct registries.hosts["${registry}"].auth in config.json`,
    });
  const sources = [entry.store, entry.password_env, entry.secret_name].filter(
    (source) => source !== undefined,
  );
  if (sources.length === 0) throw fail('entry has no credential source');
  if (sources.length > 1) throw fail('entry defines multiple credential sources');
  if (entry.store !== undefined) throw fail('the keyring cannot be read by this release');
  if (entry.password_env !== undefined) {
    const password = env[entry.password_env];
    if (!password) throw fail(`environment variable \`${entry.password_env}\` is not set`);
    return { username: entry.username, password };
  }
  const path = join(layout.secretsDir, 'registries', entry.secret_name ?? '');
  const password = await readFile(path, 'utf8').catch((error: Error) => {
    throw fail(`cannot read ${path}: ${error.message}`);
  });
  return { username: entry.username, password: password.trim() };
}
