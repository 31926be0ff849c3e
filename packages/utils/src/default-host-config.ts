import type { HostConfig } from '@microsandbox/types';

/**
 * What an empty `config.json` means. Written out, so that the usual case (no file) needs no schema library on
 * the start-up path; a test holds it equal to the schema's own defaults.
 */
export const DEFAULT_HOST_CONFIG: HostConfig = {
  database: { max_connections: 5, connect_timeout_secs: 30, busy_timeout_secs: 5 },
  paths: {},
  sandbox_defaults: {
    cpus: 1,
    memory_mib: 512,
    cpu_placement: 'inherit',
    thp: 'madvise',
    oci: {},
    shell: '/bin/sh',
    metrics_sample_interval_ms: 1000,
    disable_metrics_sample: false,
  },
  registries: { hosts: {} },
  images: {},
  ssh: { inactivity_timeout_secs: 600 },
  metrics: { capacity: 0 },
};
