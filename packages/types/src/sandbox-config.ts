import * as z from 'zod';
import { rootDiskSchema } from './root-disk.ts';

/**
 * A sandbox as it is stored: `sandbox.config` and `sandbox.active_config` (spec: state 8). Flat snake_case JSON,
 * keys in this order. Missing keys take their defaults on read; unknown keys are kept, so that a newer
 * version's settings survive an older one's write.
 */
const nullableString = z.string().nullable().default(null);

const imageSchema = z.union([
  z.object({ Oci: z.object({ reference: z.string(), root_disk: rootDiskSchema.optional() }) }),
  z.object({ Bind: z.object({ path: z.string(), follow_root_symlinks: z.boolean().default(false) }) }),
  z.object({
    DiskImage: z.object({
      path: z.string(),
      format: z.enum(['Qcow2', 'Raw', 'Vmdk']),
      fstype: nullableString,
    }),
  }),
]);

const resourcesSchema = z.looseObject({
  cpus: z.number().int().min(1).max(255).default(1),
  memory_mib: z.number().int().positive().default(512),
  max_cpus: z.number().int().optional(),
  max_memory_mib: z.number().int().optional(),
  cpu_placement: z.enum(['inherit', 'auto', 'spread', 'compact']).optional(),
  placement_profile: z.string().optional(),
  thp: z.enum(['always', 'madvise', 'never']).optional(),
});

const runtimeSchema = z.looseObject({
  workdir: nullableString,
  shell: nullableString,
  scripts: z.record(z.string(), z.string()).default({}),
  entrypoint: z.array(z.string()).nullable().default(null),
  cmd: z.array(z.string()).nullable().default(null),
  hostname: nullableString,
  user: nullableString,
  log_level: z.enum(['error', 'warn', 'info', 'debug', 'trace']).nullable().default(null),
  metrics_sample_interval_ms: z.number().int().nullable().default(1000),
  disable_metrics_sample: z.boolean().default(false),
});

export const sandboxConfigSchema = z.looseObject({
  name: z.string(),
  image: imageSchema,
  resources: resourcesSchema.prefault({}),
  runtime: runtimeSchema.prefault({}),
  env: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  rlimits: z
    .array(z.object({ resource: z.string(), soft: z.number().int(), hard: z.number().int() }))
    .default([]),
  mounts: z.array(z.looseObject({ type: z.string() })).default([]),
  patches: z.array(z.unknown()).default([]),
  network: z.looseObject({ enabled: z.boolean().default(true) }).prefault({}),
  vsock: z.unknown().optional(),
  init: z
    .object({
      cmd: z.string(),
      args: z.array(z.string()),
      env: z.array(z.tuple([z.string(), z.string()])),
    })
    .nullable()
    .default(null),
  pull_policy: z.enum(['IfMissing', 'Always', 'Never']).default('IfMissing'),
  security_profile: z.enum(['default', 'restricted']).default('default'),
  deployment_profile: z.enum(['single_tenant', 'multi_tenant']).default('single_tenant'),
  lifecycle: z
    .looseObject({
      ephemeral: z.boolean().default(false),
      max_duration_secs: z.number().int().nullable().default(null),
      idle_timeout_secs: z.number().int().nullable().default(null),
    })
    .prefault({}),
  manifest_digest: nullableString,
});

/** A sandbox's stored configuration. */
export type SandboxConfigRecord = z.infer<typeof sandboxConfigSchema>;
