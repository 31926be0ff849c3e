import * as z from 'zod';
import { guestBootstrapSchema } from './guest-bootstrap.ts';

/**
 * What the SDK tells a sandbox process (spec: runtime A1, state 15). JSON, snake_case. A reader tolerates
 * missing nullable keys and unknown keys; a writer writes every key.
 */
export const launchConfigSchema = z.looseObject({
  db_path: z.string(),
  db_connect_timeout_secs: z.number().int().positive(),
  log_dir: z.string(),
  runtime_dir: z.string(),
  sandboxes_dir: z.string(),
  run_dir: z.string().default(''),
  cpu_lease_dir: z.string(),
  writeback_lease_dir: z.string(),
  cpu_placement: z.enum(['inherit', 'auto', 'spread', 'compact']),
  placement_profile_name: z.string().nullish(),
  placement_profile: z.unknown().optional(),
  agent_sock: z.string(),
  libkrunfw_path: z.string(),
  thp: z.enum(['always', 'madvise', 'never']).default('madvise'),
  block_writeback_limit_bytes: z.number().int().nullish(),
  block_writeback_pool_bytes: z.number().int().nullish(),
  startup: z
    .object({
      cmd: z.string(),
      args: z.array(z.string()),
      env: z.array(z.string()),
      cwd: z.string().nullable(),
      user: z.string().nullable(),
    })
    .nullish(),
  lifecycle: z.object({
    max_duration_secs: z.number().int().nullish(),
    idle_timeout_secs: z.number().int().nullish(),
  }),
  metrics: z.object({
    sample_interval_ms: z.number().int(),
    disabled: z.boolean(),
    slot: z.object({ shm_name: z.string(), slot: z.number().int(), generation: z.number().int() }).nullish(),
  }),
  rootfs: z.object({
    path: z.string().nullish(),
    follow_root_symlinks: z.boolean().default(false),
    disk: z.string().nullish(),
    disk_format: z.string().nullish(),
    disk_readonly: z.boolean(),
    upper: z.string().nullish(),
    upper_format: z.string().nullish(),
  }),
  mounts: z.array(z.string()),
  disks: z.array(z.string()),
  init_path: z.string().nullish(),
  bootstrap: guestBootstrapSchema,
  exec_path: z.string().nullish(),
  exec_args: z.array(z.string()),
  network: z.unknown().optional(),
  deployment_profile: z.enum(['single_tenant', 'multi_tenant']).default('single_tenant'),
  sandbox_slot: z.number().int(),
  vsock: z
    .array(
      z.object({ host_socket: z.string(), port: z.number().int(), socket_type: z.enum(['stream', 'dgram']) }),
    )
    .default([]),
});

export type LaunchConfig = z.infer<typeof launchConfigSchema>;
