import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatLayout } from '../flat/flat-layout.ts';
import { digestFileName } from '../reference/image-digest.ts';
import type { CacheLayout } from './cache-layout.ts';
import type { KeptFiles } from './image-cache.ts';
import { flatBlobNames } from './remove-flat.ts';
import type { FileRemoval, RemovedKind } from './removed-files.ts';

/** What a pull that was interrupted leaves; archives on their way have other names. */
const WORK = /^[a-z0-9+._-]+_[0-9a-f]+\.(part|spool|erofs\.part|work|flat\.work)$/;

/** Deletes all files of a cache but the kept ones, and locks. Nobody may bring an image in meanwhile. */
export async function removeOrphanFiles(
  layout: CacheLayout,
  keep: KeptFiles,
  removal: FileRemoval,
): Promise<void> {
  const flat = new FlatLayout(layout);
  const manifests = names(keep.manifestDigests);
  const layers = names(keep.diffIds);
  const rules: readonly [kind: RemovedKind, folder: string, isOrphan: (name: string) => boolean][] = [
    ['layers', layout.layersDir, (name) => isOther(name, '.erofs', layers) || name.endsWith('.tar.gz')],
    ['fsmeta', join(layout.root, 'fsmeta'), (name) => isOther(name, '.erofs', manifests)],
    ['vmdk', join(layout.root, 'vmdk'), (name) => isOther(name, '.vmdk', manifests)],
    ['flat', flat.refsDir, (name) => isOther(name, '.json', manifests)],
    ['temporary', layout.temporaryDir, (name) => WORK.test(name)],
  ];
  for (const rule of rules) await sweep(rule, removal);
  // What the records that are left name.
  const blobs = await flatBlobNames(flat);
  await sweep(['flat', flat.blobsDir, (name) => isOther(name, '.raw', blobs)], removal);
}

async function sweep(
  [kind, folder, isOrphan]: readonly [RemovedKind, string, (name: string) => boolean],
  removal: FileRemoval,
): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (isOrphan(name)) await removal.remove(kind, join(folder, name));
  }
}

function names(digests: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...digests].map(digestFileName));
}

function isOther(name: string, suffix: string, kept: ReadonlySet<string>): boolean {
  return name.endsWith(suffix) && !kept.has(name.slice(0, -suffix.length));
}
