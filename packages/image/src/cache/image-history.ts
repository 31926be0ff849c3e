import type { CachedImage } from '@microsandbox/types';
import * as z from 'zod';

/** One step in which an image was built (OCI image specification, config: history). */
export interface ImageHistoryEntry {
  readonly createdAt: Date | null;
  /** The command; text of strangers, which may hold control characters. */
  readonly createdBy: string | null;
  readonly comment: string | null;
  /** Of the layer that the step made; null when it made none. */
  readonly diffId: string | null;
  /** Compressed size of that layer in bytes. */
  readonly sizeBytes: number | null;
}

const text = z.string().nullish().catch(null);

const configSchema = z.object({
  history: z
    .array(
      z.object({
        created: text,
        created_by: text,
        comment: text,
        empty_layer: z.boolean().nullish().catch(false),
      }),
    )
    .nullish()
    .catch(null),
});

type Step = NonNullable<z.infer<typeof configSchema>['history']>[number];

/** How an image was built, the last step first. Layers that no step names stand for themselves. */
export function imageHistory(image: CachedImage): ImageHistoryEntry[] {
  const layers = [...image.layers];
  const entries = stepsOf(image.raw_config_json).map((step): ImageHistoryEntry => {
    const layer = step.empty_layer ? undefined : layers.shift();
    return {
      createdAt: dateOf(step.created),
      createdBy: step.created_by ?? null,
      comment: step.comment ?? null,
      diffId: layer?.diff_id ?? null,
      sizeBytes: layer?.size_bytes ?? null,
    };
  });
  const unnamed = layers.map((layer) => ({
    createdAt: null,
    createdBy: null,
    comment: null,
    diffId: layer.diff_id,
    sizeBytes: layer.size_bytes,
  }));
  return [...entries, ...unnamed].reverse();
}

function stepsOf(configJson: string): readonly Step[] {
  try {
    return configSchema.parse(JSON.parse(configJson)).history ?? [];
  } catch {
    // Built without an image configuration, as by older releases.
    return [];
  }
}

function dateOf(value: string | null | undefined): Date | null {
  const date = new Date(value ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}
