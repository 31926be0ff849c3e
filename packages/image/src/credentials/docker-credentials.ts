import type { RegistryCredentials } from '../registry/credentials.ts';
import { askCredentialHelper } from './credential-helper.ts';
import { type DockerConfig, readDockerConfig } from './docker-config.ts';

/** Names under which Docker's own registry may be found. */
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
const DOCKER_HUB_SERVERS = [
  'index.docker.io',
  'https://index.docker.io',
  'https://index.docker.io/v1/',
  'registry-1.docker.io',
  'https://registry-1.docker.io',
];

export interface DockerCredentialsOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the Docker client knows about a registry: from its helpers, its file, its store. Null when that is nothing;
 * failures count as nothing.
 */
export async function dockerCredentials(
  registry: string,
  options: DockerCredentialsOptions,
): Promise<RegistryCredentials | null> {
  const config = await readDockerConfig(options.env);
  if (config === null) return null;
  for (const server of serversOf(registry)) {
    const found = await credentialsOf(server, config, options);
    if (found !== null) return found;
  }
  return null;
}

async function credentialsOf(
  server: string,
  { credHelpers, credsStore, auths }: DockerConfig,
  options: DockerCredentialsOptions,
): Promise<RegistryCredentials | null> {
  const helper = credHelpers.get(server);
  const fromHelper = helper === undefined ? null : await askCredentialHelper({ helper, server, ...options });
  if (fromHelper !== null) return fromHelper;
  const fromFile = auths.get(server) ?? findByHost(auths, server);
  if (fromFile !== undefined) return fromFile;
  return credsStore === undefined ? null : askCredentialHelper({ helper: credsStore, server, ...options });
}

function serversOf(registry: string): string[] {
  const own = [registry, `https://${registry}`];
  return [...new Set(DOCKER_HUB.has(registry) ? [...own, ...DOCKER_HUB_SERVERS] : own)];
}

function findByHost(auths: DockerConfig['auths'], server: string): RegistryCredentials | undefined {
  const host = hostOf(server);
  for (const [key, credentials] of auths) if (hostOf(key) === host) return credentials;
  return undefined;
}

function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
  return DOCKER_HUB.has(host) ? 'index.docker.io' : host;
}
