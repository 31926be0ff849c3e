import { Catalog } from '@microsandbox/db';
import type { HostConfig } from '@microsandbox/types';
import { type HomeLayout, homeLayout, loadHostConfig, resolveHome } from '@microsandbox/utils';
import type { Backend, BackendInfo, BackendSource } from './backend.ts';
import { runtimeLauncher } from './runtime-launcher.ts';
import type { SandboxLauncher } from './sandbox-launcher.ts';

/** What a backend works with; everything has a default. */
export interface LocalBackendOptions {
  /** Environment to read `MSB_*` from; this process's, as it is at first use. */
  readonly env?: NodeJS.ProcessEnv;
  /** Settings instead of those in `config.json`. */
  readonly config?: HostConfig;
  readonly launcher?: SandboxLauncher;
  /** Why it is this backend that is used. */
  readonly source?: BackendSource;
  /** Profile that names it. */
  readonly profile?: string;
}

/**
 * Sandboxes on this machine: one home with its settings, catalog and launcher. Nothing is read or created
 * before it is needed, and what was read once stays for the backend's life.
 */
export class LocalBackend implements Backend, AsyncDisposable {
  readonly info: BackendInfo;
  readonly launcher: SandboxLauncher;
  readonly #env: NodeJS.ProcessEnv | undefined;
  readonly #givenConfig: HostConfig | undefined;
  #config: Promise<HostConfig> | undefined;
  #layout: Promise<HomeLayout> | undefined;
  #catalog: Promise<Catalog> | undefined;
  #reader: Promise<Catalog> | undefined;

  constructor(options: LocalBackendOptions = {}) {
    this.info = {
      kind: 'local',
      source: options.source ?? 'programmatic',
      ...(options.profile !== undefined && { profile: options.profile }),
    };
    this.#env = options.env;
    this.#givenConfig = options.config;
    this.launcher = options.launcher ?? runtimeLauncher;
  }

  local(): LocalBackend {
    return this;
  }

  get env(): NodeJS.ProcessEnv {
    return this.#env ?? process.env;
  }

  /**
   * The host's settings.
   *
   * @throws InvalidConfigError when `config.json` is not acceptable
   */
  config(): Promise<HostConfig> {
    this.#config ??= retryable(
      this.#givenConfig === undefined ? loadHostConfig(this.env) : Promise.resolve(this.#givenConfig),
      () => {
        this.#config = undefined;
      },
    );
    return this.#config;
  }

  /**
   * Reads `config.json` again when it is next asked for, after it was changed.
   *
   * @internal
   */
  forgetConfig(): void {
    this.#config = undefined;
  }

  /** Where everything lies. The `home` key of the settings wins over `MSB_HOME`. */
  layout(): Promise<HomeLayout> {
    this.#layout ??= retryable(
      this.config().then(({ home, paths }) => homeLayout(home ?? resolveHome(this.env), paths)),
      () => {
        this.#layout = undefined;
      },
    );
    return this.#layout;
  }

  /** The catalog, created and migrated when needed. A failed opening is tried again by the next call. */
  catalog(): Promise<Catalog> {
    this.#catalog ??= retryable(this.#open(false), () => {
      this.#catalog = undefined;
    });
    return this.#catalog;
  }

  /** Looks into the catalog without creating or migrating anything. */
  async reading<T>(query: (catalog: Catalog) => Promise<T>): Promise<T> {
    if (this.#catalog !== undefined) return query(await this.#catalog);
    this.#reader ??= retryable(this.#open(true), () => {
      this.#reader = undefined;
    });
    const reader = await this.#reader;
    // A copy of a missing or older database is good for this look only.
    if (!reader.followsFile) this.#reader = undefined;
    return query(reader);
  }

  /** Closes the catalog. The backend opens it again when it is used again. */
  async close(): Promise<void> {
    const open = [this.#catalog, this.#reader];
    this.#catalog = undefined;
    this.#reader = undefined;
    for (const catalog of open) await (await catalog)?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(readOnly: boolean): Promise<Catalog> {
    const [layout, config] = await Promise.all([this.layout(), this.config()]);
    return Catalog.open({ layout, config, readOnly });
  }
}

/** Forgets a memorised promise that failed. */
function retryable<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  promise.catch(forget);
  return promise;
}
