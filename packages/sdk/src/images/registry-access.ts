import { readFile } from 'node:fs/promises';
import type { HostTls, RegistryAccess } from '@microsandbox/image';
import { type HostConfig, InvalidConfigError } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import type { RegistryOptions } from '../builders/registry-config-builder.ts';

/** Where the settings for a registry come from. */
export interface RegistryAccessInputs {
  /** Registry as the reference names it. */
  readonly registry: string;
  /** Host that stands for it; the same unless it is Docker's. */
  readonly contactedHost: string;
  readonly host: HostConfig;
  readonly layout: HomeLayout;
  readonly env: NodeJS.ProcessEnv;
  /** What the call itself says; it wins. */
  readonly options?: RegistryOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is known before anything is asked: everything but defaults. */
type FoundAccess = RegistryAccess & Required<Pick<RegistryAccess, 'insecureHosts' | 'caCerts'>>;

type HostEntry = HostConfig['registries']['hosts'][string];

/**
 * Joins what the call and the host's settings say about a registry and its mirrors (spec: state 3).
 *
 * @throws InvalidConfigError for credentials and certificates that cannot be had
 */
export async function registryAccess(inputs: RegistryAccessInputs): Promise<FoundAccess> {
  const { registry, contactedHost, host, env, options } = inputs;
  const { hosts, ca_certs } = host.registries;
  const configured = Object.entries(hosts).filter(([, { insecure }]) => insecure);
  const auth = options?.auth ?? (await storedCredentials(inputs, registry));
  const entry = entryOf(hosts, registry);
  const mirrors = [...(options?.mirrors ?? []), ...(entry?.mirrors ?? [])];
  return {
    env,
    insecureHosts: [...configured.map(([name]) => name), ...(options?.insecure ? [contactedHost] : [])],
    caCerts: [...(await pem(ca_certs, 'registries.ca_certs')), ...(options?.caCerts ?? [])],
    hosts: await tlsOfHosts(inputs, [registry, ...mirrors]),
    ...(mirrors.length > 0 && { mirrors: await withCredentials(inputs, mirrors) }),
    ...(auth !== undefined && { auth }),
  };
}

async function withCredentials(
  inputs: RegistryAccessInputs,
  mirrors: readonly string[],
): Promise<NonNullable<RegistryAccess['mirrors']>> {
  return Promise.all(
    mirrors.map(async (host) => {
      const auth = await storedCredentials(inputs, host);
      return { host, ...(auth !== undefined && { auth }) };
    }),
  );
}

/** TLS settings of the registry and its mirrors, by the host that is contacted. */
async function tlsOfHosts(
  { registry, contactedHost, host, options }: RegistryAccessInputs,
  names: readonly string[],
): Promise<Readonly<Record<string, HostTls>>> {
  const found: Record<string, HostTls> = {};
  for (const name of names) {
    const own = name === registry ? options?.clientCert : undefined;
    const tls = await tlsOf(name, entryOf(host.registries.hosts, name), own);
    if (tls !== null) found[name === registry ? contactedHost : name] = tls;
  }
  return found;
}

async function tlsOf(
  name: string,
  entry: HostEntry | undefined,
  given: HostTls['clientCert'],
): Promise<HostTls | null> {
  const key = `registries.hosts.${name}`;
  const caCerts = await pem(entry?.ca_certs, `${key}.ca_certs`);
  const clientCert = given ?? (await clientCertificate(entry, key));
  if (caCerts.length === 0 && clientCert === undefined) return null;
  return { caCerts, ...(clientCert !== undefined && { clientCert }) };
}

async function clientCertificate(
  entry: HostEntry | undefined,
  key: string,
): Promise<HostTls['clientCert'] | undefined> {
  const [cert] = await pem(entry?.client_cert, `${key}.client_cert`);
  const [secret] = await pem(entry?.client_key, `${key}.client_key`);
  if (cert === undefined && secret === undefined) return undefined;
  if (cert !== undefined && secret !== undefined) return { cert, key: secret };
  throw new InvalidConfigError(`invalid config: ${key} needs both client_cert and client_key`);
}

/** The content of a PEM file that the settings name, or nothing. */
async function pem(path: string | null | undefined, key: string): Promise<Buffer[]> {
  if (path === undefined || path === null) return [];
  try {
    return [await readFile(path)];
  } catch (error) {
    const what = key.endsWith('ca_certs') ? 'CA certs' : 'client certificate';
    throw new InvalidConfigError(
      `invalid config: failed to read ${what} from \`${path}\`: ${(error as Error).message}`,
      { cause: error, hint: `correct ${key} in config.json` },
    );
  }
}

function entryOf(hosts: HostConfig['registries']['hosts'], name: string): HostEntry | undefined {
  return Object.hasOwn(hosts, name) ? hosts[name] : undefined;
}

/** What keyring, settings or the Docker client know; undefined means anonymous. */
async function storedCredentials(
  { host, layout, env, signal }: RegistryAccessInputs,
  registry: string,
): Promise<RegistryAccess['auth']> {
  const { findCredentials } = await import('@microsandbox/image');
  return findCredentials({
    registry,
    hosts: host.registries.hosts,
    secretsDir: layout.secretsDir,
    env,
    signal,
  });
}
