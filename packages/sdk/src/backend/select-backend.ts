import { readFileSync } from 'node:fs';
import { InvalidConfigError } from '@microsandbox/types';
import { errnoOf, hostConfigPath } from '@microsandbox/utils';
import { invalidConfig } from '../config/invalid-config.ts';
import { resolveApiKey } from './api-key-reference.ts';
import type { Backend, BackendSource } from './backend.ts';
import { CloudBackend } from './cloud-backend.ts';
import { LocalBackend } from './local-backend.ts';
import { MisconfiguredBackend } from './misconfigured-backend.ts';

/** Control plane when nothing names another. */
export const DEFAULT_API_URL = 'https://api.microsandbox.dev';

/** What `config.json` says about backends. */
interface BackendSettings {
  readonly active_profile?: string | null;
  readonly profiles?: Readonly<Record<string, Profile>>;
}

interface Profile {
  readonly backend?: string;
  readonly url?: string | null;
  readonly api_key_ref?: string | null;
}

/**
 * Chooses the backend that environment and settings name (spec: state 24). Never throws: a choice that cannot
 * be made is a backend whose every operation says why. A key alone never leads into the cloud.
 */
export function selectBackend(env: NodeJS.ProcessEnv): Backend {
  let source: BackendSource = 'default';
  try {
    const wanted = wantedKind(env);
    if (wanted !== null) source = 'MSB_BACKEND';
    if (wanted === 'local') return new LocalBackend({ source });
    const key = env['MSB_API_KEY']?.trim() ?? '';
    if (wanted === 'cloud' && key !== '') {
      return new CloudBackend({ apiUrl: env['MSB_API_URL'] || DEFAULT_API_URL, source });
    }
    const settings = readSettings(env);
    const fromEnv = env['MSB_PROFILE']?.trim() ?? '';
    const name = fromEnv || settings.active_profile;
    if (name) {
      if (wanted === null) source = fromEnv ? 'MSB_PROFILE' : 'active_profile';
      return profileBackend(name, settings, env, { wanted, source });
    }
    if (wanted === 'cloud') {
      throw invalidConfig('MSB_BACKEND=cloud requires a non-empty MSB_API_KEY or a cloud profile');
    }
    return new LocalBackend({ source });
  } catch (error) {
    if (error instanceof InvalidConfigError) return new MisconfiguredBackend(error, source);
    throw error;
  }
}

/**
 * The backend of a named profile.
 *
 * @throws InvalidConfigError
 */
export function selectProfile(name: string, env: NodeJS.ProcessEnv): Backend {
  return profileBackend(name, readSettings(env), env, { wanted: null, source: 'profile' });
}

function profileBackend(
  name: string,
  settings: BackendSettings,
  env: NodeJS.ProcessEnv,
  { wanted, source }: { readonly wanted: 'cloud' | null; readonly source: BackendSource },
): Backend {
  const profile = Object.hasOwn(settings.profiles ?? {}, name) ? settings.profiles?.[name] : undefined;
  if (profile === undefined) throw invalidConfig(`active profile "${name}" not found in SDK config`);
  if (profile.backend !== 'cloud' && profile.backend !== 'local') {
    throw invalidConfig(`profile "${name}": backend must be 'local' or 'cloud'`);
  }
  if (profile.backend === 'local') {
    if (wanted === 'cloud') throw invalidConfig(`MSB_BACKEND=cloud cannot select local profile "${name}"`);
    return new LocalBackend({ source, profile: name });
  }
  if (!profile.api_key_ref) throw invalidConfig(`profile "${name}": cloud profiles need an api_key_ref`);
  resolveApiKey(profile.api_key_ref, env);
  return new CloudBackend({ apiUrl: profile.url || DEFAULT_API_URL, profile: name, source });
}

function wantedKind(env: NodeJS.ProcessEnv): 'local' | 'cloud' | null {
  const text = env['MSB_BACKEND'];
  if (text === undefined) return null;
  const wanted = text.trim().toLowerCase();
  if (wanted === 'local' || wanted === 'cloud') return wanted;
  throw new InvalidConfigError(`invalid config: MSB_BACKEND must be 'local' or 'cloud', got "${text}"`, {
    hint: 'unset MSB_BACKEND, or set it to local',
  });
}

/** Read at once, because the kind of the default backend is asked for synchronously; the file is small. */
function readSettings(env: NodeJS.ProcessEnv): BackendSettings {
  const path = hostConfigPath(env);
  try {
    const settings: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof settings === 'object' && settings !== null) return settings;
    throw new Error('expected an object');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw new InvalidConfigError(
      `invalid config: failed to parse config \`${path}\`: ${(error as Error).message}`,
      { cause: error, hint: `correct or remove ${path}` },
    );
  }
}
