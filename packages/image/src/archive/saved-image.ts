import { createHash } from 'node:crypto';
import type { CachedImage } from '@microsandbox/types';
import { sortedJson } from './sorted-json.ts';

/** A layer's archive as it goes into the saved image. */
export interface SavedLayer {
  /** `sha256:…` of the archive. */
  readonly digest: string;
  readonly size: number;
  /** Where the archive is. */
  readonly path: string;
}

/** An image that is to be saved. */
export interface SavedImage {
  /** As the user wrote it. */
  readonly reference: string;
  /** Configuration that names the new layers. */
  readonly configJson: string;
  readonly configDigest: string;
  readonly os: string;
  readonly architecture: string;
  readonly layers: readonly SavedLayer[];
}

/**
 * The image under the digests of its new layers. Everything else of the configuration stays; platform fields that it
 * lacks are filled in.
 */
export function savedImage(reference: string, image: CachedImage, layers: readonly SavedLayer[]): SavedImage {
  const original = parseConfig(image.raw_config_json);
  const architecture = textOr(original['architecture'], 'amd64');
  const os = textOr(original['os'], 'linux');
  const configJson = sortedJson({
    ...original,
    architecture,
    os,
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  return { reference, configJson, configDigest: digestOf(configJson), os, architecture, layers };
}

/** `sha256:…` of a text. */
export function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function parseConfig(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}
