import * as z from 'zod';

/** Runtime settings that an image brings (OCI config object), in the cache's field order (spec: image 4). */
export const imageConfigSchema = z.object({
  env: z.array(z.string()),
  cmd: z.array(z.string()).nullable(),
  entrypoint: z.array(z.string()).nullable(),
  working_dir: z.string().nullable(),
  user: z.string().nullable(),
  exposed_ports: z.array(z.string()),
  volumes: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  stop_signal: z.string().nullable(),
});

export type ImageConfig = z.infer<typeof imageConfigSchema>;

/** `cache/manifests/<sha256 of the canonical reference>.json`, compact, keys in this order. */
export const cachedImageSchema = z.object({
  manifest_digest: z.string(),
  config_digest: z.string(),
  raw_manifest_json: z.string(),
  raw_config_json: z.string(),
  config: imageConfigSchema,
  layers: z.array(
    z.object({
      digest: z.string(),
      media_type: z.string().nullable(),
      size_bytes: z.number().int().nullable(),
      diff_id: z.string(),
    }),
  ),
});

export type CachedImage = z.infer<typeof cachedImageSchema>;
