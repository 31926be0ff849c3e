import { altered, SeededRandom } from '@microsandbox/test-utils';
import { hostConfigSchema } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { plainHostConfig } from './plain-host-config.ts';

/** Every setting that there is, but a root disk. */
const full = {
  home: '/h',
  log_level: 'info',
  deployment_profile: 'single-tenant',
  database: { url: 'u', max_connections: 2, connect_timeout_secs: 3, busy_timeout_secs: 4 },
  paths: { msb: 'a', libkrunfw: 'b', cache: 'c', sandboxes: 'd', volumes: 'e', snapshots: 'f', logs: null },
  sandbox_defaults: {
    cpus: 2,
    memory_mib: 256,
    cpu_placement: 'auto',
    placement_profile: 'p',
    thp: 'never',
    oci: { upper_size_mib: 100, root_disk: null },
    shell: '/bin/bash',
    workdir: '/w',
    metrics_sample_interval_ms: 0,
    disable_metrics_sample: true,
  },
  registries: {
    ca_certs: '/ca.pem',
    hosts: {
      a: { insecure: true, ca_certs: 'c', client_cert: 'd', client_key: 'e', mirrors: ['m'], auth: null },
      b: { auth: { username: 'u', store: 'keyring', password_env: 'P', secret_name: 's' } },
    },
  },
  images: { cache_limit_mib: 1000 },
  ssh: { inactivity_timeout_secs: 0 },
  metrics: { capacity: 8 },
  active_profile: 'work',
  future: { kept: [1] },
};

describe('plainHostConfig', () => {
  it.each([{}, full, { registries: {} }])('fills in what the schema fills in (%#)', (json) => {
    expect(plainHostConfig(json)).toEqual(hostConfigSchema.parse(json));
  });

  it('takes what the schema takes, and as the schema does', () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 4000; round++) {
      const json = altered(full, random);
      const byTheSchema = hostConfigSchema.safeParse(json).data ?? null;
      expect(plainHostConfig(json), JSON.stringify(json)).toEqual(byTheSchema);
    }
  });

  it('leaves root disks to the schema', () => {
    const json = { sandbox_defaults: { oci: { root_disk: { kind: 'tmpfs' } } } };
    expect(hostConfigSchema.safeParse(json).success).toBe(true);
    expect(plainHostConfig(json)).toBeNull();
  });
});
