import type { HostConfig } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG, loadHostConfig } from '@microsandbox/utils';
import { LocalBackend, type LocalBackendOptions } from './local-backend.ts';

type Sections = 'database' | 'paths' | 'sandbox_defaults' | 'registries' | 'ssh';
type Overlay = { readonly [S in Sections]: Partial<HostConfig[S]> } & {
  readonly top: Partial<Pick<HostConfig, 'home' | 'log_level' | 'deployment_profile'>>;
};

const EMPTY: Overlay = { database: {}, paths: {}, sandbox_defaults: {}, registries: {}, ssh: {}, top: {} };

/**
 * Describes a local backend: what is set here wins over `config.json`, field by field; everything else stays
 * as the file says. Never changes itself: each setter returns a new builder.
 *
 * @example
 * const backend = await new LocalBackendBuilder().home('/srv/msb').defaultCpus(2).build();
 */
export class LocalBackendBuilder {
  readonly #overlay: Overlay;
  readonly #options: LocalBackendOptions;

  constructor(options: LocalBackendOptions = {}, overlay: Overlay = EMPTY) {
    this.#options = options;
    this.#overlay = overlay;
  }

  /** Root folder of all state. */
  home(path: string): LocalBackendBuilder {
    return this.#with('top', { home: path });
  }

  sandboxesDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { sandboxes: path });
  }

  volumesDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { volumes: path });
  }

  snapshotsDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { snapshots: path });
  }

  cacheDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { cache: path });
  }

  logsDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { logs: path });
  }

  secretsDir(path: string): LocalBackendBuilder {
    return this.#with('paths', { secrets: path });
  }

  maxConnections(count: number): LocalBackendBuilder {
    return this.#with('database', { max_connections: count });
  }

  connectTimeoutSecs(secs: number): LocalBackendBuilder {
    return this.#with('database', { connect_timeout_secs: secs });
  }

  busyTimeoutSecs(secs: number): LocalBackendBuilder {
    return this.#with('database', { busy_timeout_secs: secs });
  }

  /** Virtual CPUs of sandboxes that set none. */
  defaultCpus(count: number): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { cpus: count });
  }

  /** Memory of sandboxes that set none. */
  defaultMemoryMib(mib: number): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { memory_mib: mib });
  }

  shell(path: string): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { shell: path });
  }

  workdir(path: string): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { workdir: path });
  }

  /** 0 takes no metrics. */
  metricsSampleIntervalMs(ms: number): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { metrics_sample_interval_ms: ms });
  }

  disableMetricsSample(disabled = true): LocalBackendBuilder {
    return this.#with('sandbox_defaults', { disable_metrics_sample: disabled });
  }

  /** PEM file trusted for registries; null forgets the one in `config.json`. */
  caCerts(path: string | null): LocalBackendBuilder {
    return this.#with('registries', { ca_certs: path });
  }

  /** Replaces all registry hosts. */
  registryHosts(hosts: HostConfig['registries']['hosts']): LocalBackendBuilder {
    return this.#with('registries', { hosts });
  }

  sshInactivityTimeoutSecs(secs: number): LocalBackendBuilder {
    return this.#with('ssh', { inactivity_timeout_secs: secs });
  }

  logLevel(level: NonNullable<HostConfig['log_level']>): LocalBackendBuilder {
    return this.#with('top', { log_level: level });
  }

  deploymentProfile(profile: NonNullable<HostConfig['deployment_profile']>): LocalBackendBuilder {
    return this.#with('top', { deployment_profile: profile });
  }

  /** `config` with what was set here. */
  mergeInto(config: HostConfig): HostConfig {
    const { top, ...sections } = this.#overlay;
    return {
      ...config,
      ...top,
      database: { ...config.database, ...sections.database },
      paths: { ...config.paths, ...sections.paths },
      sandbox_defaults: { ...config.sandbox_defaults, ...sections.sandbox_defaults },
      registries: { ...config.registries, ...sections.registries },
      ssh: { ...config.ssh, ...sections.ssh },
    };
  }

  /** The backend, with its catalog open. */
  async build(): Promise<LocalBackend> {
    const backend = await this.buildLazy();
    await backend.catalog();
    return backend;
  }

  /** The backend, opened when it is used. A `config.json` that cannot be read counts as empty. */
  async buildLazy(): Promise<LocalBackend> {
    return this.#make(await loadHostConfig(this.#options.env).catch(() => DEFAULT_HOST_CONFIG));
  }

  /**
   * Like {@link buildLazy}, but a `config.json` that cannot be read is an error.
   *
   * @throws InvalidConfigError
   */
  async tryBuildLazy(): Promise<LocalBackend> {
    return this.#make(await loadHostConfig(this.#options.env));
  }

  #make(config: HostConfig): LocalBackend {
    return new LocalBackend({ ...this.#options, config: this.mergeInto(config) });
  }

  #with<S extends keyof Overlay>(section: S, values: Overlay[S]): LocalBackendBuilder {
    const overlay = { ...this.#overlay, [section]: { ...this.#overlay[section], ...values } };
    return new LocalBackendBuilder(this.#options, overlay);
  }
}
