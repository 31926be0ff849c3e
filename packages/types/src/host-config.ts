import * as z from 'zod';
import { rootDiskSchema } from './root-disk.ts';

/**
 * `MSB_HOME/config.json` (spec: state 3). Every key may be missing; unknown keys are kept when the file is
 * rewritten.
 */
export const hostConfigSchema = z.looseObject({
  home: z.string().nullish(),
  log_level: z.enum(['error', 'warn', 'info', 'debug', 'trace']).nullish(),
  deployment_profile: z.enum(['single-tenant', 'multi-tenant', 'single_tenant', 'multi_tenant']).nullish(),
  database: z
    .looseObject({
      url: z.string().nullish(),
      max_connections: z.number().int().positive().default(5),
      connect_timeout_secs: z.number().int().positive().default(30),
      busy_timeout_secs: z.number().int().positive().default(5),
    })
    .prefault({}),
  paths: z
    .looseObject({
      msb: z.string().nullish(),
      libkrunfw: z.string().nullish(),
      cache: z.string().nullish(),
      sandboxes: z.string().nullish(),
      volumes: z.string().nullish(),
      snapshots: z.string().nullish(),
      logs: z.string().nullish(),
      secrets: z.string().nullish(),
    })
    .prefault({}),
  sandbox_defaults: z
    .looseObject({
      cpus: z.number().int().min(1).max(255).default(1),
      memory_mib: z.number().int().positive().default(512),
      cpu_placement: z.enum(['inherit', 'auto', 'spread', 'compact']).default('inherit'),
      placement_profile: z.string().nullish(),
      thp: z.enum(['always', 'madvise', 'never']).default('madvise'),
      oci: z
        .looseObject({
          upper_size_mib: z.number().int().positive().nullish(),
          root_disk: rootDiskSchema.nullish(),
        })
        .prefault({}),
      shell: z.string().default('/bin/sh'),
      workdir: z.string().nullish(),
      metrics_sample_interval_ms: z.number().int().min(0).default(1000),
      disable_metrics_sample: z.boolean().default(false),
    })
    .prefault({}),
  registries: z
    .looseObject({
      ca_certs: z.string().nullish(),
      hosts: z
        .record(
          z.string(),
          z.looseObject({
            insecure: z.boolean().default(false),
            /** PEM file with certificates to trust, for this host only. */
            ca_certs: z.string().nullish(),
            /** PEM files with which this host learns who we are; both or none. */
            client_cert: z.string().nullish(),
            client_key: z.string().nullish(),
            /** Hosts that serve the same images; asked first, in this order. */
            mirrors: z.array(z.string()).nullish(),
            auth: z
              .looseObject({
                username: z.string(),
                store: z.literal('keyring').optional(),
                password_env: z.string().optional(),
                secret_name: z.string().optional(),
              })
              .nullish(),
          }),
        )
        .default({}),
    })
    .prefault({}),
  images: z
    .looseObject({
      /** Above it, images that were not used for long are removed after a pull; never when absent. */
      cache_limit_mib: z.number().int().positive().nullish(),
    })
    .prefault({}),
  ssh: z.looseObject({ inactivity_timeout_secs: z.number().int().min(0).default(600) }).prefault({}),
  metrics: z.looseObject({ capacity: z.number().int().min(0).default(0) }).prefault({}),
  active_profile: z.string().nullish(),
});

/** The host's settings with defaults filled in. */
export type HostConfig = z.infer<typeof hostConfigSchema>;
