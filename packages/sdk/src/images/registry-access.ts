import { readFile } from 'node:fs/promises';
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
  readonly signal?: AbortSignal | undefined;
}

/**
 * Joins what the call and the host's settings say about a registry (spec: state 3).
 *
 * @throws InvalidConfigError for credentials that cannot be had
 */
export async function registryAccess(inputs: RegistryAccessInputs): Promise<RegistryAccess> {
  const { registry, host, options } = inputs;
  const configured = Object.entries(host.registries.hosts).filter(([, { insecure }]) => insecure);
  const auth = options?.auth ?? (await storedCredentials(inputs));
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

/** What keyring, settings or the Docker client know; undefined means anonymous. */
async function storedCredentials(inputs: RegistryAccessInputs): Promise<RegistryAccess['auth']> {
  const { findCredentials } = await import('@microsandbox/image');
  const { registry, host, layout, env, signal } = inputs;
  return findCredentials({
    registry,
    hosts: host.registries.hosts,
    secretsDir: layout.secretsDir,
    env,
    signal,
  });
}
