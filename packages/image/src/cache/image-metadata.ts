import { readFile } from 'node:fs/promises';
import type { CachedImage } from '@microsandbox/types';
import { errnoOf, writeFileAtomic } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import { compareBytes } from '../registry/parse-image-config.ts';
import { isCachedImage } from './is-cached-image.ts';

/** Reads an image's metadata; null when it is absent or cannot be used, which is the same to a cache. */
export async function readImageMetadata(path: string): Promise<CachedImage | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw hostFileError('read', path, error);
  }
  try {
    const value: unknown = JSON.parse(text);
    return isCachedImage(value) ? value : null;
  } catch {
    return null;
  }
}

/** Writes an image's metadata; it appears whole. */
export async function writeImageMetadata(path: string, image: CachedImage): Promise<void> {
  await writeFileAtomic(path, encodeImageMetadata(image)).catch((error: unknown) => {
    throw hostFileError('write', path, error);
  });
}

/** Compact JSON with keys in a fixed order, labels sorted by bytes: equal images give equal files. */
export function encodeImageMetadata(image: CachedImage): string {
  const { config } = image;
  return object([
    ['manifest_digest', json(image.manifest_digest)],
    ['config_digest', json(image.config_digest)],
    ['raw_manifest_json', json(image.raw_manifest_json)],
    ['raw_config_json', json(image.raw_config_json)],
    [
      'config',
      object([
        ['env', json(config.env)],
        ['cmd', json(config.cmd)],
        ['entrypoint', json(config.entrypoint)],
        ['working_dir', json(config.working_dir)],
        ['user', json(config.user)],
        ['exposed_ports', json(config.exposed_ports)],
        ['volumes', json(config.volumes)],
        ['labels', sortedMap(config.labels)],
        ['stop_signal', json(config.stop_signal)],
      ]),
    ],
    ['layers', `[${image.layers.map(encodeLayer).join(',')}]`],
  ]);
}

function encodeLayer(layer: CachedImage['layers'][number]): string {
  return object([
    ['digest', json(layer.digest)],
    ['media_type', json(layer.media_type)],
    ['size_bytes', json(layer.size_bytes)],
    ['diff_id', json(layer.diff_id)],
  ]);
}

/** By hand, because JavaScript moves keys that look like numbers to the front of an object. */
function sortedMap(map: Readonly<Record<string, string>>): string {
  const keys = Object.keys(map).sort(compareBytes);
  return object(keys.map((key) => [key, json(map[key])]));
}

function object(fields: readonly (readonly [key: string, json: string])[]): string {
  return `{${fields.map(([key, value]) => `${json(key)}:${value}`).join(',')}}`;
}

function json(value: unknown): string {
  return JSON.stringify(value);
}
