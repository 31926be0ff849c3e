import { canonicalJson } from './canonical-json.ts';
import type { LegacyDescriptor } from './legacy-descriptor.ts';
import { sha256Digest } from './sha256-digest.ts';

/** A descriptor to publish. */
export interface TranslatedDescriptor {
  /** Content of `snapshot.json`. */
  readonly text: string;
  /** The snapshot's new identity. */
  readonly digest: string;
}

/** Writes a legacy snapshot's canonical descriptor (spec: state 22); `parent` is its parent's new identity. */
export function translateDescriptor(legacy: LegacyDescriptor, parent: string | null): TranslatedDescriptor {
  const text = canonicalJson({
    schema: 1,
    artifact: 'snapshot',
    scope: 'disk',
    created_at: legacy.createdAt.descriptor,
    parent,
    image: legacy.image,
    source_sandbox: legacy.sourceSandbox,
    state: { kind: 'file', format: 'raw', fstype: 'ext4', upper: legacy.upper },
    labels: legacy.labels,
    extensions: {},
    requires: [],
  });
  return { text, digest: sha256Digest(text) };
}
