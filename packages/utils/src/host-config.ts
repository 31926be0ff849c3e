import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostConfig, IoError } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG } from './default-host-config.ts';
import { errnoOf } from './errno.ts';
import { plainHostConfig } from './plain-host-config.ts';
import { resolveHome } from './resolve-home.ts';

/** Place of `config.json`: `MSB_CONFIG_PATH` verbatim, else in the home. Never moved by the `home` key. */
export function hostConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return env['MSB_CONFIG_PATH'] ?? join(resolveHome(env), 'config.json');
}

/**
 * Reads the host's settings; a missing file means all defaults (spec: state 3).
 *
 * @throws InvalidConfigError when the file is not JSON or breaks the schema
 * @throws IoError when it cannot be read
 */
export async function loadHostConfig(env: NodeJS.ProcessEnv = process.env): Promise<HostConfig> {
  const path = hostConfigPath(env);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return structuredClone(DEFAULT_HOST_CONFIG);
    throw new IoError(`io error: cannot read config \`${path}\`: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return parseHostConfig(text, path);
}

/**
 * Reads the text of a `config.json`; `path` is for messages. The schemas are loaded only for what is unusual or wrong.
 *
 * @throws InvalidConfigError naming `path`, and the key that is not acceptable
 */
export async function parseHostConfig(text: string, path: string): Promise<HostConfig> {
  const plain = plainHostConfig(jsonOf(text));
  if (plain !== null) return plain;
  const { parseHostConfigJson } = await import('./parse-host-config.ts');
  return parseHostConfigJson(text, path);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
