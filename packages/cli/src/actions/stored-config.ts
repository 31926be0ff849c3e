import type { SandboxConfigRecord } from '@microsandbox/types';

/** A stored configuration, or null when it is not JSON: lists go on without it. */
export function storedConfig(json: string): SandboxConfigRecord | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as SandboxConfigRecord) : null;
  } catch {
    return null;
  }
}

/** What the sandbox stands on: an image reference or a path; `-` when unknown. */
export function imageLabel(config: SandboxConfigRecord | null): string {
  const image = config?.image;
  if (image === undefined || image === null) return '-';
  if ('Oci' in image) return image.Oci.reference;
  return 'Bind' in image ? image.Bind.path : image.DiskImage.path;
}

/** How configurations of sandboxes that stand on an image begin. */
const IMAGE_AT_START = /^\{"name":"[^"\\]*","image":\{"Oci":\{"reference":"([^"\\]*)"/;

/** {@link imageLabel} of a stored configuration; of most it takes no more than a look at the start. */
export function storedImageLabel(json: string): string {
  return IMAGE_AT_START.exec(json)?.[1] ?? imageLabel(storedConfig(json));
}
