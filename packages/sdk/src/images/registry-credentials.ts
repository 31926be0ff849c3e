import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Keyring } from '@microsandbox/image';
import { type HostConfig, InvalidConfigError, RuntimeError } from '@microsandbox/types';
import { hostConfigPath, updateHostConfig, writeFileAtomic } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';

/**
 * Where a registry's password is kept: `keyring`, that of the operating system, or `file`, one below
 * `MSB_HOME/secrets` that only its owner can read.
 */
export type CredentialStore = 'keyring' | 'file';

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  /** `keyring` by default; nothing else is used unless it is asked for. */
  readonly store?: CredentialStore;
}

/** A registry of the host's settings. */
export interface RegistryEntry {
  readonly registry: string;
  /** Null for one without credentials. */
  readonly username: string | null;
  readonly source: 'keyring' | 'password_env' | 'secret_name' | 'multiple' | 'unset';
}

type StoredAuth = HostConfig['registries']['hosts'][string]['auth'];

/** Remembers credentials. They are not tried. What was there before is there again when that fails. */
export async function loginRegistry(
  backend: LocalBackend,
  registry: string,
  { username, password, store = 'keyring' }: RegistryLogin,
  keyring: Keyring,
): Promise<void> {
  assertRegistry(registry);
  if (password === '') throw new InvalidConfigError('password/token cannot be empty');
  if (store === 'file') {
    const secret = await writeSecret(backend, registry, password);
    return setAuth(backend, registry, { username, secret_name: secret });
  }
  let before: Awaited<ReturnType<Keyring['read']>>;
  try {
    before = await keyring.read(registry).catch(() => null);
    await keyring.write(registry, { username, password });
  } catch (cause) {
    throw keyringFailure(registry, cause);
  }
  try {
    await setAuth(backend, registry, { username, store: 'keyring' });
  } catch (error) {
    if (before === null) await keyring.remove(registry);
    else await keyring.write(registry, before);
    throw error;
  }
}

/** Forgets credentials wherever {@link loginRegistry} keeps them; says whether there were any. */
export async function logoutRegistry(
  backend: LocalBackend,
  registry: string,
  keyring: Keyring,
): Promise<boolean> {
  assertRegistry(registry);
  const auth = (await backend.config()).registries.hosts[registry]?.auth ?? null;
  const usesKeyring = auth?.store === 'keyring';
  const wasInKeyring = await keyring.remove(registry).catch((cause: unknown) => {
    // A system without a keyring holds nothing, unless the settings say that it does.
    if (usesKeyring) throw keyringFailure(registry, cause);
    return false;
  });
  if (auth?.secret_name === secretName(registry))
    await rm(await secretPath(backend, registry), { force: true });
  if (auth !== null) await setAuth(backend, registry, null);
  return auth !== null || wasInKeyring;
}

/** Registries that the host's settings name credentials for, by name. Secrets are never part of it. */
export async function listRegistries(backend: LocalBackend): Promise<RegistryEntry[]> {
  const { hosts } = (await backend.config()).registries;
  return Object.entries(hosts)
    .filter(([, { auth }]) => auth !== undefined && auth !== null)
    .map(([registry, { auth }]) => ({ registry, username: auth?.username ?? null, source: sourceOf(auth) }))
    .sort((left, right) => (left.registry < right.registry ? -1 : 1));
}

function sourceOf(auth: StoredAuth): RegistryEntry['source'] {
  const sources = (['password_env', 'secret_name'] as const).filter((key) => auth?.[key] !== undefined);
  const all = auth?.store === undefined ? sources : [auth.store, ...sources];
  return all.length > 1 ? 'multiple' : (all[0] ?? 'unset');
}

/** Sets or removes a host's `auth`, and keeps everything else in the settings. */
async function setAuth(
  backend: LocalBackend,
  registry: string,
  auth: Readonly<Record<string, string>> | null,
): Promise<void> {
  await updateHostConfig(hostConfigPath(backend.env), (config) => {
    const registries = record(config['registries']);
    const hosts = record(registries['hosts']);
    const { auth: _, ...rest } = record(hosts[registry]);
    const { [registry]: __, ...others } = hosts;
    const host = auth === null ? rest : { ...rest, auth };
    const kept = Object.keys(host).length === 0 ? others : { ...others, [registry]: host };
    return { ...config, registries: { ...registries, hosts: kept } };
  });
  backend.forgetConfig();
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

async function writeSecret(backend: LocalBackend, registry: string, password: string): Promise<string> {
  const path = await secretPath(backend, registry);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${password}\n`);
  return secretName(registry);
}

async function secretPath(backend: LocalBackend, registry: string): Promise<string> {
  return join((await backend.layout()).secretsDir, 'registries', secretName(registry));
}

/** A registry has a colon at most, which some file systems do not like. */
function secretName(registry: string): string {
  return registry.replaceAll(':', '_');
}

function assertRegistry(registry: string): void {
  if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/.test(registry)) return;
  throw new InvalidConfigError(`invalid registry: ${JSON.stringify(registry)}`, {
    hint: 'write HOST or HOST:PORT as image references do, for example docker.io',
  });
}

function keyringFailure(registry: string, cause: unknown): RuntimeError {
  return new RuntimeError(
    `secure credential storage is unavailable for \`${registry}\`: ${(cause as Error).message}`,
    { cause, hint: 'start a keyring, or keep the password in a private file: --store file' },
  );
}
