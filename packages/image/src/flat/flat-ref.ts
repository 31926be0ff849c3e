import { readFile, stat } from 'node:fs/promises';
import { errnoOf, hasFields, isInteger, isOneOf, isText, writeFileAtomic } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import { MATERIALIZER_ABI } from './flat-derivation.ts';
import type { FlatLayout } from './flat-layout.ts';

const SCHEMA = 1;

/** `flat/refs/<manifest digest>.json`: which flat image an image has. */
export interface FlatRef {
  readonly schema: typeof SCHEMA;
  readonly manifest_digest: string;
  readonly derivation_digest: string;
  readonly artifact_digest: string;
  readonly materializer_abi: number;
  readonly uuid: string;
  readonly virtual_size_bytes: number;
  readonly inode_count: number;
  readonly content_bytes: number;
}

const isFlatRef = hasFields({
  schema: isOneOf(SCHEMA),
  manifest_digest: isText,
  derivation_digest: isText,
  artifact_digest: isText,
  materializer_abi: isInteger(),
  uuid: isText,
  virtual_size_bytes: isInteger(),
  inode_count: isInteger(),
  content_bytes: isInteger(),
});

/** What a flat image must be to be of use. */
export interface FlatKey {
  readonly manifestDigest: string;
  readonly derivationDigest: string;
}

/** The record of a manifest's flat image, or null when there is none, it is another, or its image is not there. */
export async function readFlatRef(
  layout: FlatLayout,
  { manifestDigest, derivationDigest }: FlatKey,
): Promise<FlatRef | null> {
  const ref = await readRef(layout.ref(manifestDigest));
  const isCurrent =
    ref !== null &&
    ref.manifest_digest === manifestDigest &&
    ref.derivation_digest === derivationDigest &&
    ref.materializer_abi === MATERIALIZER_ABI;
  return isCurrent && (await hasBlob(layout, ref)) ? ref : null;
}

/** Writes the record; its image must be there and synced. */
export async function writeFlatRef(layout: FlatLayout, ref: FlatRef): Promise<void> {
  const path = layout.ref(ref.manifest_digest);
  await writeFileAtomic(path, JSON.stringify(ref, null, 2)).catch((error: unknown) => {
    throw hostFileError('write', path, error);
  });
}

/** Null also for what cannot be read as a record: that is the same to a cache. */
async function readRef(path: string): Promise<FlatRef | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw hostFileError('read', path, error);
  }
  return parseFlatRef(text);
}

/** A record's text; null for what is none. */
export function parseFlatRef(text: string): FlatRef | null {
  try {
    const ref: unknown = JSON.parse(text);
    if (!isFlatRef(ref)) return null;
    // It becomes the name of a file.
    parseCheckableDigest((ref as FlatRef).artifact_digest);
    return ref as FlatRef;
  } catch {
    return null;
  }
}

async function hasBlob(layout: FlatLayout, ref: FlatRef): Promise<boolean> {
  try {
    const { size } = await stat(layout.blob(ref.artifact_digest));
    return size === ref.virtual_size_bytes;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw hostFileError('read', layout.blob(ref.artifact_digest), error);
  }
}
