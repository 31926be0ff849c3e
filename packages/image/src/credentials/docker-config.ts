import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegistryCredentials } from '../registry/credentials.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** What `config.json` of the Docker client says about credentials. */
export interface DockerConfig {
  /** By server: name of the helper that knows it. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** Name of the helper for all other servers. */
  readonly credsStore: string | undefined;
  /** By server: user name and password. Entries with an identity token are left out. */
  readonly auths: ReadonlyMap<string, RegistryCredentials>;
}

/** Reads `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; null when there is none that can be read. */
export async function readDockerConfig(env: NodeJS.ProcessEnv): Promise<DockerConfig | null> {
  const folder = env['DOCKER_CONFIG'] || (env['HOME'] ? join(env['HOME'], '.docker') : undefined);
  if (folder === undefined) return null;
  try {
    const file = await open(join(folder, 'config.json'));
    try {
      const { size } = await file.stat();
      return size > MAX_BYTES ? null : parseDockerConfig(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

/** Reads the text of the file; what has an unexpected form is left out. Null when it is no JSON object. */
export function parseDockerConfig(text: string): DockerConfig | null {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(document)) return null;
  const { credsStore } = document;
  return {
    credHelpers: entriesOf(document['credHelpers'], (value) => (isText(value) ? value : undefined)),
    credsStore: isText(credsStore) ? credsStore : undefined,
    auths: entriesOf(document['auths'], decodeAuth),
  };
}

function decodeAuth(entry: unknown): RegistryCredentials | undefined {
  if (!isRecord(entry) || isText(entry['identitytoken']) || !isText(entry['auth'])) return undefined;
  const decoded = Buffer.from(entry['auth'], 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) return undefined;
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function entriesOf<T>(value: unknown, convert: (entry: unknown) => T | undefined): Map<string, T> {
  const entries = new Map<string, T>();
  if (!isRecord(value)) return entries;
  for (const [key, entry] of Object.entries(value)) {
    const converted = convert(entry);
    if (converted !== undefined) entries.set(key, converted);
  }
  return entries;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
