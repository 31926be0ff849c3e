import type { HostConfig } from '@microsandbox/types';
import {
  hasFields,
  isFlag,
  isInteger,
  isListOf,
  isMapOf,
  isOneOf,
  isText,
  orAbsent,
  orNull,
} from './checks.ts';
import { DEFAULT_HOST_CONFIG } from './default-host-config.ts';

const maybeText = orAbsent(orNull(isText));
const isSection = (fields: Parameters<typeof hasFields>[0]) => orAbsent(hasFields(fields));

/** What the schema takes, but for root disks, which few settings have; a test holds the two together. */
const isPlain = hasFields({
  home: maybeText,
  log_level: orAbsent(orNull(isOneOf('error', 'warn', 'info', 'debug', 'trace'))),
  deployment_profile: orAbsent(
    orNull(isOneOf('single-tenant', 'multi-tenant', 'single_tenant', 'multi_tenant')),
  ),
  database: isSection({
    url: maybeText,
    max_connections: orAbsent(isInteger(1)),
    connect_timeout_secs: orAbsent(isInteger(1)),
    busy_timeout_secs: orAbsent(isInteger(1)),
  }),
  paths: isSection({
    msb: maybeText,
    libkrunfw: maybeText,
    cache: maybeText,
    sandboxes: maybeText,
    volumes: maybeText,
    snapshots: maybeText,
    logs: maybeText,
    secrets: maybeText,
  }),
  sandbox_defaults: isSection({
    cpus: orAbsent(isInteger(1, 255)),
    memory_mib: orAbsent(isInteger(1)),
    cpu_placement: orAbsent(isOneOf('inherit', 'auto', 'spread', 'compact')),
    placement_profile: maybeText,
    thp: orAbsent(isOneOf('always', 'madvise', 'never')),
    oci: isSection({
      upper_size_mib: orAbsent(orNull(isInteger(1))),
      root_disk: isOneOf(undefined, null),
    }),
    shell: orAbsent(isText),
    workdir: maybeText,
    metrics_sample_interval_ms: orAbsent(isInteger(0)),
    disable_metrics_sample: orAbsent(isFlag),
  }),
  registries: isSection({
    ca_certs: maybeText,
    hosts: orAbsent(
      isMapOf(
        hasFields({
          insecure: orAbsent(isFlag),
          ca_certs: maybeText,
          client_cert: maybeText,
          client_key: maybeText,
          mirrors: orAbsent(orNull(isListOf(isText))),
          auth: orAbsent(
            orNull(
              hasFields({
                username: isText,
                store: isOneOf(undefined, 'keyring'),
                password_env: orAbsent(isText),
                secret_name: orAbsent(isText),
              }),
            ),
          ),
        }),
      ),
    ),
  }),
  images: isSection({ cache_limit_mib: orAbsent(orNull(isInteger(1))) }),
  ssh: isSection({ inactivity_timeout_secs: orAbsent(isInteger(0)) }),
  metrics: isSection({ capacity: orAbsent(isInteger(0)) }),
  active_profile: maybeText,
});

/** Settings as most files have them, defaults filled in; null for all others, which the schema judges. */
export function plainHostConfig(json: unknown): HostConfig | null {
  if (!isPlain(json)) return null;
  const given = json as Partial<HostConfig>;
  const defaults = structuredClone(DEFAULT_HOST_CONFIG);
  const { registries, sandbox_defaults } = given;
  return {
    ...given,
    database: { ...defaults.database, ...given.database },
    paths: { ...given.paths },
    sandbox_defaults: {
      ...defaults.sandbox_defaults,
      ...sandbox_defaults,
      oci: { ...sandbox_defaults?.oci },
    },
    registries: { ...registries, hosts: withDefaults(registries?.hosts) },
    images: { ...given.images },
    ssh: { ...defaults.ssh, ...given.ssh },
    metrics: { ...defaults.metrics, ...given.metrics },
  };
}

type Hosts = HostConfig['registries']['hosts'];

function withDefaults(hosts: Hosts = {}): Hosts {
  return Object.fromEntries(
    Object.entries(hosts).map(([name, host]) => [name, { ...host, insecure: host.insecure ?? false }]),
  );
}
