import { canonicalJson } from './canonical-json.ts';
import { sha256Digest } from './sha256-digest.ts';
import { SNAPSHOT_FILES } from './snapshot-files.ts';
import { SnapshotMigrationError } from './snapshot-migration-error.ts';
import { parseSnapshotTime, type SnapshotTime } from './snapshot-time.ts';

/** What a `manifest.json` of releases up to 0.6.6 says (spec: state 22): one raw ext4 disk. */
export interface LegacyDescriptor {
  /** SHA-256 of its canonical form: how children and the index of those releases name it. */
  readonly digest: string;
  readonly image: { readonly ref: string; readonly manifest_digest: string };
  readonly parent: string | null;
  readonly createdAt: SnapshotTime;
  readonly labels: ReadonlyMap<string, string>;
  readonly upper: {
    /** One plain component. */
    readonly file: string;
    readonly size_bytes: number;
    readonly integrity: { readonly algorithm: string; readonly digest: string } | null;
  };
  readonly sourceSandbox: string | null;
}

const INTEGRITY_ALGORITHMS = new Set(['sha256', 'msb-sparse-sha256-v1']);
const RESERVED_NAMES = new Set<string>(['.', '..', ...Object.values(SNAPSHOT_FILES)]);

/**
 * Reads a legacy descriptor. Every key must be there once and no other; what this release could not carry over
 * unchanged is refused.
 *
 * @throws SnapshotMigrationError
 */
export function parseLegacyDescriptor(bytes: Uint8Array): LegacyDescriptor {
  const text = decode(bytes);
  const root = members(parse(text), 'descriptor', [
    'schema',
    'format',
    'fstype',
    'image',
    'parent',
    'created_at',
    'labels',
    'upper',
    'source_sandbox',
  ]);
  if (root['schema'] !== 1) fail('unsupported_legacy_schema', 'expected schema 1');
  if (root['format'] !== 'raw' || root['fstype'] !== 'ext4') {
    fail('unsupported_legacy_layout', 'expected a raw ext4 payload');
  }
  const image = readImage(root['image']);
  const parent = root['parent'] === null ? null : digest(root['parent'], 'parent');
  const created = string(root['created_at'], 'created_at');
  const createdAt = parseSnapshotTime(created);
  if (createdAt === null) malformed('created_at is not a time of RFC 3339');
  const labels = readLabels(root['labels']);
  const upper = readUpper(root['upper']);
  const sourceSandbox =
    root['source_sandbox'] === null ? null : string(root['source_sandbox'], 'source_sandbox');

  const keys = 9 + 2 + labels.size + 3 + (upper.integrity === null ? 0 : 2);
  if (countKeys(text) !== keys) malformed('a key stands twice');
  const canonical = canonicalJson({
    schema: 1,
    format: 'raw',
    fstype: 'ext4',
    image,
    parent,
    created_at: created,
    labels,
    upper,
    source_sandbox: sourceSandbox,
  });
  return { digest: sha256Digest(canonical), image, parent, createdAt, labels, upper, sourceSandbox };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed('it is not UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return malformed((error as Error).message);
  }
}

/** Keys in a valid JSON text: strings that a colon follows. Parsing keeps only the last of equal ones. */
function countKeys(text: string): number {
  let count = 0;
  for (const match of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g)) {
    if (match[1] !== undefined) count += 1;
  }
  return count;
}

function readImage(value: unknown): LegacyDescriptor['image'] {
  const image = members(value, 'image', ['ref', 'manifest_digest']);
  const ref = string(image['ref'], 'image.ref');
  if (ref === '') malformed('image.ref is empty');
  return { ref, manifest_digest: digest(image['manifest_digest'], 'image.manifest_digest') };
}

function readLabels(value: unknown): ReadonlyMap<string, string> {
  const entries = Object.entries(object(value, 'labels'));
  return new Map(entries.map(([key, label]) => [string(key, 'label'), string(label, 'label')]));
}

function readUpper(value: unknown): LegacyDescriptor['upper'] {
  const upper = members(value, 'upper', ['file', 'size_bytes', 'integrity']);
  const file = string(upper['file'], 'upper.file');
  if (!/^[^/\0]+$/.test(file) || RESERVED_NAMES.has(file)) malformed('upper.file is not a plain name');
  const size = upper['size_bytes'];
  if (!Number.isSafeInteger(size) || Number(size) < 0) malformed('upper.size_bytes is not a size');
  return { file, size_bytes: Number(size), integrity: readIntegrity(upper['integrity']) };
}

function readIntegrity(value: unknown): LegacyDescriptor['upper']['integrity'] {
  if (value === null) return null;
  const integrity = members(value, 'upper.integrity', ['algorithm', 'digest']);
  const algorithm = string(integrity['algorithm'], 'upper.integrity.algorithm');
  if (!INTEGRITY_ALGORITHMS.has(algorithm)) malformed('upper.integrity.algorithm is unknown');
  return { algorithm, digest: digest(integrity['digest'], 'upper.integrity.digest') };
}

function object(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function members(value: unknown, what: string, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const found = object(value, what);
  const missing = keys.find((key) => !Object.hasOwn(found, key));
  if (missing !== undefined) malformed(`${what} has no ${missing}`);
  if (Object.keys(found).length !== keys.length) malformed(`${what} has an unknown key`);
  return found;
}

function string(value: unknown, what: string): string {
  // Half of a surrogate pair has no UTF-8 form.
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) malformed(`${what} is no text`);
  return value as string;
}

function digest(value: unknown, what: string): string {
  const text = string(value, what);
  if (!/^sha256:[0-9a-f]{64}$/.test(text)) malformed(`${what} is no lower-case sha256 digest`);
  return text;
}

function malformed(detail: string): never {
  return fail('legacy_descriptor_malformed', detail);
}

function fail(code: string, detail: string): never {
  throw new SnapshotMigrationError(code, detail);
}
