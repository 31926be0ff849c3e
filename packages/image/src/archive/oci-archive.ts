import { ImageError } from '@microsandbox/types';
import { OciLayout, readLayoutIndex } from '../layout/oci-layout.ts';
import { isEntryFor, layoutEntryName, layoutImages } from '../layout/select-layout-entry.ts';
import type { IndexEntry } from '../registry/parse-manifest.ts';
import { choosePlatform, type Platform } from '../registry/platform.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchiveImage } from './archive-image.ts';

/**
 * The images of an archive in OCI layout, for a platform. Their names are in the index; `tags` go to the first.
 *
 * @throws {ImageError} when there is none, or one has no name.
 */
export async function ociArchiveImages(
  files: ArchiveFiles,
  tags: readonly string[],
  platform: Platform,
): Promise<ArchiveImage[]> {
  const entries = layoutImages(await readLayoutIndex(files)).filter((entry) => isEntryFor(entry, platform));
  const chosen = onePerName(entries, platform);
  if (chosen.length === 0) {
    throw new ImageError('OCI layout contains no image manifests for the host platform');
  }
  return chosen.map((entry, i) => {
    const name = layoutEntryName(entry);
    const references = [...new Set([...(name === undefined ? [] : [name]), ...(i === 0 ? tags : [])])].sort();
    if (references.length === 0) {
      throw new ImageError('OCI layout image has no ref.name annotation; pass --tag to name it');
    }
    return { references, source: new OciLayout(files, entry.digest) };
  });
}

/** Entries of one name are one image for several platforms. */
function onePerName(entries: readonly IndexEntry[], platform: Platform): IndexEntry[] {
  const byName = new Map<string, IndexEntry[]>();
  for (const entry of entries) {
    const name = layoutEntryName(entry) ?? entry.digest;
    byName.set(name, [...(byName.get(name) ?? []), entry]);
  }
  return [...byName.values()].map((group) => choosePlatform(group, platform) ?? (group[0] as IndexEntry));
}
