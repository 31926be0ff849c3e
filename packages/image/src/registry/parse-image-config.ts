import { type ImageConfig, ImageError } from '@microsandbox/types';
import { z } from 'zod';
import { parseDigest } from '../reference/image-digest.ts';

/** More entries of one list or map than any image has; each wrong one costs a page of memory to report. */
const MAX_ENTRIES = 10_000;

const texts = z.array(z.string()).nullish();
const keys = z.record(z.string(), z.unknown()).nullish();
const text = z.string().nullish();

const configSchema = z.object({
  architecture: text,
  os: text,
  config: z
    .object({
      Env: texts,
      Cmd: texts,
      Entrypoint: texts,
      WorkingDir: text,
      User: text,
      ExposedPorts: keys,
      Volumes: keys,
      Labels: z.record(z.string(), z.string()).nullish(),
      StopSignal: text,
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
});

/** What the rest of the system needs of an image configuration. */
export interface ParsedImageConfig {
  readonly config: ImageConfig;
  /** Digests of the layers' archives, bottom first. */
  readonly diffIds: readonly string[];
  readonly os: string | undefined;
  readonly architecture: string | undefined;
}

/**
 * Reads an image configuration (OCI image specification, config).
 *
 * @throws {ImageError} `config parse error: …` or `invalid diff_id at layer N: …`
 */
export function parseImageConfig(json: string): ParsedImageConfig {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (cause) {
    throw broken('is not JSON', cause);
  }
  assertCounts(document);
  const result = configSchema.safeParse(document);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw broken(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { config, rootfs, os, architecture } = result.data;
  rootfs.diff_ids.forEach(assertDiffId);
  return {
    config: {
      env: config?.Env ?? [],
      cmd: config?.Cmd ?? null,
      entrypoint: config?.Entrypoint ?? null,
      working_dir: config?.WorkingDir || null,
      user: config?.User || null,
      exposed_ports: sortedKeys(config?.ExposedPorts),
      volumes: sortedKeys(config?.Volumes),
      labels: config?.Labels ?? {},
      stop_signal: config?.StopSignal || null,
    },
    diffIds: rootfs.diff_ids,
    os: os || undefined,
    architecture: architecture || undefined,
  };
}

function broken(reason: string, cause?: unknown): ImageError {
  return new ImageError(`config parse error: ${reason}`, {
    cause,
    hint: 'this is no container image but something else that registries hold, or a broken one',
  });
}

function assertCounts(document: unknown): void {
  const { config, rootfs } = (document ?? {}) as { readonly config?: unknown; readonly rootfs?: unknown };
  for (const [name, list] of [...entriesOf(config), ...entriesOf(rootfs)]) {
    const count = typeof list === 'object' && list !== null ? Object.keys(list).length : 0;
    if (count > MAX_ENTRIES) throw broken(`${name} has ${count} entries, more than ${MAX_ENTRIES}`);
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function sortedKeys(record: Readonly<Record<string, unknown>> | null | undefined): string[] {
  return Object.keys(record ?? {}).sort(compareBytes);
}

/** Order of UTF-8 bytes, which differs from JavaScript's outside the basic plane. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function assertDiffId(diffId: string, layer: number): void {
  try {
    if (parseDigest(diffId).algorithm === 'sha256' && /^sha256:[0-9a-f]{64}$/.test(diffId)) return;
  } catch {
    // Said below.
  }
  throw new ImageError(`invalid diff_id at layer ${layer}: ${diffId.slice(0, 100)}`);
}
