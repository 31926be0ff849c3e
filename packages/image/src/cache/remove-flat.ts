import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FlatLayout } from '../flat/flat-layout.ts';
import { parseFlatRef } from '../flat/flat-ref.ts';
import type { CacheLayout } from './cache-layout.ts';
import type { FileRemoval } from './removed-files.ts';

/** Deletes the record of a manifest's flat image, and that image unless another record names it. */
export async function removeFlat(
  layout: CacheLayout,
  manifestDigest: string,
  removal: FileRemoval,
): Promise<void> {
  const flat = new FlatLayout(layout);
  const own = await flatBlobOf(flat, flat.ref(manifestDigest));
  await removal.remove('flat', flat.ref(manifestDigest));
  if (own !== null && !(await flatBlobNames(flat)).has(own)) {
    await removal.remove('flat', join(flat.blobsDir, `${own}.raw`));
  }
}

/** File names, without their ending, of the flat images that records name. */
export async function flatBlobNames(flat: FlatLayout): Promise<ReadonlySet<string>> {
  const files = (await readdir(flat.refsDir).catch(() => [])).filter((name) => name.endsWith('.json'));
  const blobs = await Promise.all(files.map((name) => flatBlobOf(flat, join(flat.refsDir, name))));
  return new Set(blobs.filter((name) => name !== null));
}

/** File name, without its ending, of the flat image that a record names; null without one. */
export async function flatBlobOf(flat: FlatLayout, refPath: string): Promise<string | null> {
  const ref = parseFlatRef(await readFile(refPath, 'utf8').catch(() => ''));
  return ref === null ? null : basename(flat.blob(ref.artifact_digest), '.raw');
}
