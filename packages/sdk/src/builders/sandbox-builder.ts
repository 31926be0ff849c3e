import type { Accelerator, VmmWish } from '@microsandbox/types';
import { currentBackend } from '../backend/current-backend.ts';
import { setRuntimeLibkrunfwPath } from '../backend/runtime-libkrunfw.ts';
import type { BootPhaseListener } from '../boot-info.ts';
import { camelCaseKeys } from '../config/camel-case-keys.ts';
import { configOfDraft } from '../config/config-of-draft.ts';
import { reservedVariable } from '../config/environment.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { oneOf } from '../config/one-of.ts';
import { publishedPort } from '../config/published-port.ts';
import { rlimit as rlimitOf } from '../config/rlimits.ts';
import { storedImageOf } from '../config/rootfs-source.ts';
import { emptyDraft, type SandboxDraft, type StoredPort } from '../config/sandbox-draft.ts';
import { createSandbox } from '../create-sandbox.ts';
import type { CreateRequest } from '../lifecycle/create-request.ts';
import { NetworkBuilder } from '../network/network-builder.ts';
import { addSecret, disableNetwork } from '../network/network-spec.ts';
import { SecretBuilder } from '../network/secret-builder.ts';
import { PullProgressCreate } from '../pull-progress-create.ts';
import type { Sandbox } from '../sandbox-instance.ts';
import type { SandboxConfig } from '../sandbox-results.ts';
import {
  type CpuPlacement,
  CpuPlacements,
  type DeploymentProfile,
  type LogLevel,
  LogLevels,
  PullPolicies,
  type PullPolicy,
  type RlimitResource,
  type SecurityProfile,
  ThpPolicies,
  type ThpPolicy,
} from '../values.ts';
import { configured } from './configure.ts';
import { Consumption } from './consumption.ts';
import { ImageBuilder, rootDiskOf } from './image-builder.ts';
import { InitOptionsBuilder } from './init-options-builder.ts';
import { MountBuilder } from './mount-builder.ts';
import { PatchBuilder } from './patch-builder.ts';
import { RegistryConfigBuilder, type RegistryOptions } from './registry-config-builder.ts';
import type { RootDiskBuilder } from './root-disk-builder.ts';

/** Milliseconds that a replaced sandbox gets to end by itself. */
const DEFAULT_REPLACE_GRACE_MS = 10_000;

/**
 * Describes a sandbox, then creates it. Every setter returns the builder; `build`, `create` and
 * `createWithPullProgress` use it up. Sizes in MiB.
 *
 * Mistakes in words (an unknown policy) throw at the setter; everything else is reported by the call that uses
 * the builder up, the first mistake first.
 *
 * @example
 * await using sandbox = await Sandbox.builder('web').image('python:3.13').memory(1024).create();
 */
export class SandboxBuilder {
  readonly #state = new Consumption('SandboxBuilder');
  readonly #draft: SandboxDraft;
  #problem: Error | undefined;
  #detached = false;
  #background = false;
  #initialCommand: readonly string[] | undefined;
  #replaceGraceMs: number | undefined;
  #registry: RegistryOptions | undefined;
  #wish: VmmWish = {};
  #onBootPhase: BootPhaseListener | undefined;

  constructor(name: string) {
    this.#draft = emptyDraft(name);
  }

  /**
   * What the sandbox stands on: a path (`/`, `./`, `../`) to a folder or, by its extension, to a disk image;
   * anything else is an image reference.
   */
  image(source: string): this {
    return this.#set((draft) => {
      draft.image = storedImageOf(source);
      delete draft.rootDisk;
    });
  }

  /** What the sandbox stands on, in detail. */
  imageWith(configure: (builder: ImageBuilder) => ImageBuilder): this {
    return this.#deferred((draft) => {
      draft.image = configured(new ImageBuilder(), configure, ImageBuilder).take();
      delete draft.rootDisk;
    });
  }

  /** Where the sandbox writes: a size in MiB, or more. Needs an image reference before. */
  rootDisk(disk: number | ((builder: RootDiskBuilder) => RootDiskBuilder)): this {
    return this.#deferred((draft) => {
      if (draft.image === undefined) throw invalidConfig('root_disk() requires an OCI image to be set first');
      if (!('Oci' in draft.image)) throw invalidConfig('root_disk() is only valid for OCI images');
      draft.rootDisk = rootDiskOf(disk);
    });
  }

  /** Starts from a snapshot instead of an image. */
  fromSnapshot(pathOrName: string): this {
    return this.#set((draft) => {
      draft.snapshot = pathOrName;
    });
  }

  /** Virtual CPUs; the host's default is 1. */
  cpus(count: number): this {
    return this.#set((draft) => {
      draft.cpus = u8(count, 'cpus');
    });
  }

  /** Most virtual CPUs the running sandbox can be given. */
  maxCpus(count: number): this {
    return this.#set((draft) => {
      draft.maxCpus = u8(count, 'maxCpus');
    });
  }

  /** Memory in MiB; the host's default is 512. */
  memory(mib: number): this {
    return this.#set((draft) => {
      draft.memoryMib = Math.trunc(mib);
    });
  }

  /** Most memory in MiB that the running sandbox can be given. */
  maxMemory(mib: number): this {
    return this.#set((draft) => {
      draft.maxMemoryMib = Math.trunc(mib);
    });
  }

  cpuPlacement(placement: CpuPlacement): this {
    const message = `unknown CPU placement: ${placement} (expected: inherit, auto, spread, compact)`;
    return this.#set((draft) => {
      draft.cpuPlacement = oneOf(placement, CpuPlacements, message);
    });
  }

  /** A placement profile that the host defines. */
  placementProfile(name: string): this {
    return this.#set((draft) => {
      draft.placementProfile = name;
    });
  }

  /** Huge pages in the guest. */
  thp(policy: ThpPolicy): this {
    const message = `invalid THP policy \`${policy}\`; expected always, madvise, or never`;
    return this.#set((draft) => {
      draft.thp = oneOf(policy, ThpPolicies, message);
    });
  }

  /** How much the sandbox process writes into its own log. */
  logLevel(level: LogLevel): this {
    return this.#set((draft) => {
      draft.logLevel = oneOf(level, LogLevels, `invalid log level \`${level}\``);
    });
  }

  /** The sandbox process writes no log of its own. */
  quietLogs(): this {
    return this.#set((draft) => {
      draft.logLevel = null;
    });
  }

  /** Lets the sandbox outlive this process. */
  detached(on: boolean): this {
    return this.#set(() => {
      this.#detached = on;
    });
  }

  /** Starts the default command together with the sandbox, which then lives as long as the command. */
  background(on: boolean): this {
    return this.#set(() => {
      this.#background = on;
    });
  }

  /**
   * What `init('auto')` hands to an init at the start of the image's entrypoint; empty for the image's own command.
   * `Sandbox.initOwnsCommand` says whether it did.
   */
  initialCommand(argv: readonly string[]): this {
    return this.#set(() => {
      this.#initialCommand = [...argv];
    });
  }

  /** The sandbox removes itself, logs included, when it stops. */
  ephemeral(on: boolean): this {
    return this.#set((draft) => {
      draft.ephemeral = on;
    });
  }

  /** How often metrics are taken; 0 never. */
  metricsSampleIntervalMs(ms: number): this {
    return this.#set((draft) => {
      draft.metricsSampleIntervalMs = Math.max(0, Math.trunc(ms));
    });
  }

  /** Takes no metrics; the interval is kept for later. */
  disableMetricsSample(): this {
    return this.#set((draft) => {
      draft.disableMetricsSample = true;
    });
  }

  /** Working directory of programs; must exist in the guest. */
  workdir(path: string): this {
    return this.#set((draft) => {
      draft.workdir = path;
    });
  }

  /** Shell of `shell()` and `attachShell()`; `/bin/sh` when not set. */
  shell(path: string): this {
    return this.#set((draft) => {
      draft.shell = path;
    });
  }

  /** Host name of the guest; derived from the sandbox's name when not set. */
  hostname(hostname: string): this {
    return this.#set((draft) => {
      draft.hostname = hostname;
    });
  }

  /** User of programs: name, uid, or uid:gid. */
  user(user: string): this {
    return this.#set((draft) => {
      draft.user = user;
    });
  }

  security(profile: SecurityProfile): this {
    const message = `invalid security profile \`${profile}\` (expected default | restricted)`;
    return this.#set((draft) => {
      draft.security = oneOf(profile, ['default', 'restricted'], message);
    });
  }

  deploymentProfile(profile: DeploymentProfile): this {
    const stored = profile.replace('-', '_');
    const message = `unknown deployment profile "${profile}"; expected single-tenant or multi-tenant`;
    return this.#set((draft) => {
      draft.deployment = oneOf(stored, ['single_tenant', 'multi_tenant'], message) as
        | 'single_tenant'
        | 'multi_tenant';
    });
  }

  /** @deprecated Use `setRuntimeLibkrunfwPath`; it counts for the whole process. */
  libkrunfwPath(path: string): this {
    setRuntimeLibkrunfwPath(path);
    return this;
  }

  /** Credentials and transport for this sandbox's image; not stored. */
  registry(configure: (builder: RegistryConfigBuilder) => RegistryConfigBuilder): this {
    return this.#set(() => {
      const options = configured(new RegistryConfigBuilder(), configure, RegistryConfigBuilder).take();
      const auth = options.auth ?? this.#registry?.auth;
      this.#registry = { ...options, ...(auth && { auth }) };
    });
  }

  /** Replaces a sandbox of the same name; it gets 10 s to end. */
  replace(): this {
    return this.replaceWithTimeout(DEFAULT_REPLACE_GRACE_MS);
  }

  /** Replaces a sandbox of the same name; it gets `ms` milliseconds to end, none at 0. */
  replaceWithTimeout(ms: number): this {
    return this.#set(() => {
      this.#replaceGraceMs = Math.max(0, Math.trunc(ms));
    });
  }

  /** Replaces the image's entrypoint; an empty list clears it. */
  entrypoint(argv: readonly string[]): this {
    return this.#set((draft) => {
      draft.entrypoint = [...argv];
    });
  }

  /** Replaces the image's command; an empty list clears it. */
  cmd(argv: readonly string[]): this {
    return this.#set((draft) => {
      draft.cmd = [...argv];
    });
  }

  /** Lets a program of the image be PID 1: an absolute path, or `auto`. */
  init(cmd: string, args: readonly string[] = []): this {
    return this.#set((draft) => {
      draft.init = { cmd, args: [...args], env: [] };
    });
  }

  /** Like {@link init}, with arguments and environment. */
  initWith(cmd: string, configure: (builder: InitOptionsBuilder) => InitOptionsBuilder): this {
    return this.#set((draft) => {
      draft.init = configured(new InitOptionsBuilder(), configure, InitOptionsBuilder).take(cmd);
    });
  }

  /** When the registry is asked for the image. */
  pullPolicy(policy: PullPolicy): this {
    return this.#set((draft) => {
      draft.pullPolicy = oneOf(policy, PullPolicies, `invalid pull policy \`${policy}\``);
    });
  }

  /** Gives the sandbox no network. */
  disableNetwork(): this {
    return this.#set(({ network }) => disableNetwork(network));
  }

  /** Publishes a TCP port of the guest on 127.0.0.1. */
  port(hostPort: number, guestPort: number): this {
    return this.portBind('127.0.0.1', hostPort, guestPort);
  }

  /** Publishes a TCP port of the guest on an address of the host. */
  portBind(bind: string, hostPort: number, guestPort: number): this {
    return this.#publish(bind, hostPort, guestPort, 'tcp');
  }

  /** Publishes a UDP port of the guest on 127.0.0.1. */
  portUdp(hostPort: number, guestPort: number): this {
    return this.portUdpBind('127.0.0.1', hostPort, guestPort);
  }

  /** Publishes a UDP port of the guest on an address of the host. */
  portUdpBind(bind: string, hostPort: number, guestPort: number): this {
    return this.#publish(bind, hostPort, guestPort, 'udp');
  }

  /** Connects a vsock stream port of the guest to a Unix socket of the host. */
  vsock(hostSocket: string, port: number): this {
    return this.#set(({ vsock }) => {
      vsock.push({ host_socket: hostSocket, port, socket_type: 'stream' });
    });
  }

  /** Connects a vsock datagram port of the guest to a Unix socket of the host. */
  vsockDgram(hostSocket: string, port: number): this {
    return this.#set(({ vsock }) => {
      vsock.push({ host_socket: hostSocket, port, socket_type: 'dgram' });
    });
  }

  /**
   * Describes the network anew: what was said about it before, ports and secrets included, is gone. Without it a
   * sandbox reaches public addresses only.
   */
  network(configure: (builder: NetworkBuilder) => NetworkBuilder): this {
    return this.#deferred((draft) => {
      draft.network = configured(new NetworkBuilder(), configure, NetworkBuilder).take();
    });
  }

  /** Adds a secret that never enters the guest, and opens its TLS connections on the host to put it in there. */
  secret(configure: (builder: SecretBuilder) => SecretBuilder): this {
    return this.#set(({ network }) => {
      const secret = configured(new SecretBuilder(), configure, SecretBuilder).take();
      addSecret(network, secret, { interceptTls: true });
    });
  }

  /** Adds a secret for one host; see {@link secret}. */
  secretEnv(envVar: string, value: string, allowedHost: string): this {
    return this.secret((secret) => secret.env(envVar).value(value).allowHost(allowedHost));
  }

  /** Adds a variable for every program. */
  env(key: string, value: string): this {
    return this.envs({ [key]: value });
  }

  /** Adds variables for every program. */
  envs(variables: Readonly<Record<string, string>>): this {
    return this.#deferred(({ env }) => {
      for (const [key, value] of Object.entries(variables)) {
        const problem = reservedVariable(key);
        if (problem !== null) throw problem;
        env.push({ key, value });
      }
    });
  }

  /** Adds a label to find the sandbox by. */
  label(key: string, value: string): this {
    return this.labels({ [key]: value });
  }

  /** Adds labels to find the sandbox by. */
  labels(labels: Readonly<Record<string, string>>): this {
    return this.#set((draft) => Object.assign(draft.labels, labels));
  }

  /** Adds a resource limit for every program. */
  rlimit(resource: RlimitResource, limit: number): this {
    return this.rlimitRange(resource, limit, limit);
  }

  /** Adds a resource limit with a soft and a hard value for every program. */
  rlimitRange(resource: RlimitResource, soft: number, hard: number): this {
    return this.#set(({ rlimits }) => rlimits.push(rlimitOf(resource, soft, hard)));
  }

  /** Puts an executable script on the guest's PATH. */
  script(name: string, content: string): this {
    return this.scripts({ [name]: content });
  }

  /** Puts executable scripts on the guest's PATH. */
  scripts(scripts: Readonly<Record<string, string>>): this {
    return this.#set((draft) => Object.assign(draft.scripts, scripts));
  }

  /** Ends the sandbox after so many seconds. */
  maxDuration(secs: number): this {
    return this.#set((draft) => {
      draft.maxDurationSecs = secs;
    });
  }

  /** Ends the sandbox after so many seconds without activity. */
  idleTimeout(secs: number): this {
    return this.#set((draft) => {
      draft.idleTimeoutSecs = secs;
    });
  }

  /** Mounts something at an absolute path of the guest. */
  volume(guestPath: string, configure: (builder: MountBuilder) => MountBuilder): this {
    return this.#deferred(({ mounts }) => {
      mounts.push(configured(new MountBuilder(guestPath), configure, MountBuilder).build());
    });
  }

  /** Changes the root file system before the first boot. */
  patch(configure: (builder: PatchBuilder) => PatchBuilder): this {
    return this.#set(({ patches }) => {
      patches.push(...configured(new PatchBuilder(), configure, PatchBuilder).build());
    });
  }

  /**
   * Machine monitor of this start: `krun` (libkrun, needs hardware virtualisation) or `qemu`. Not stored with the
   * sandbox; goes before `MSB_VMM` and the configuration. Default: the best this host offers.
   */
  vmm(name: 'auto' | 'krun' | 'qemu'): this {
    const vmm = oneOf(name, ['auto', 'krun', 'qemu'], `unknown vmm: ${name}`);
    return this.#set(() => {
      this.#wish = { ...this.#wish, vmm };
    });
  }

  /** Accelerator of this start, in the same way; `tcg` is software emulation, by QEMU only. */
  accel(name: 'auto' | Accelerator): this {
    const accel = oneOf(name, ['auto', 'kvm', 'hvf', 'tcg'], `unknown accel: ${name}`);
    return this.#set(() => {
      this.#wish = { ...this.#wish, accel };
    });
  }

  /** Hears of every phase of the boot as it is reached. */
  onBootPhase(listener: BootPhaseListener): this {
    return this.#set(() => {
      this.#onBootPhase = listener;
    });
  }

  /**
   * Checks everything and returns the configuration, without creating anything.
   *
   * @throws InvalidConfigError
   */
  async build(): Promise<SandboxConfig> {
    const backend = currentBackend().local('SandboxBuilder::build');
    this.#take();
    return camelCaseKeys(await configOfDraft(this.#draft, await backend.config())) as SandboxConfig;
  }

  /** Creates the sandbox and waits until its agent answers. */
  async create(): Promise<Sandbox> {
    return createSandbox(this.#request());
  }

  /**
   * Creates the sandbox in the background and returns at once, with the progress of the pull. Failures surface
   * from `awaitSandbox()`.
   */
  async createWithPullProgress(): Promise<PullProgressCreate> {
    const request = this.#request();
    return new PullProgressCreate((onPullProgress) => createSandbox({ ...request, onPullProgress }));
  }

  #request(): CreateRequest {
    const backend = currentBackend().local('Sandbox::create');
    this.#take();
    return {
      backend,
      draft: this.#draft,
      detached: this.#detached,
      background: this.#background,
      initialCommand: this.#initialCommand,
      replaceGraceMs: this.#replaceGraceMs,
      registry: this.#registry,
      wish: this.#wish,
      onBootPhase: this.#onBootPhase,
    };
  }

  #take(): void {
    this.#state.consume();
    if (this.#problem !== undefined) throw this.#problem;
  }

  #publish(bind: string, host: number, guest: number, protocol: StoredPort['protocol']): this {
    return this.#set(({ network }) => network.ports.push(publishedPort(bind, host, guest, protocol)));
  }

  #set(change: (draft: SandboxDraft) => unknown): this {
    this.#state.assertOpen();
    change(this.#draft);
    return this;
  }

  /** Remembers the first configuration error for the call that uses the builder up. */
  #deferred(change: (draft: SandboxDraft) => void): this {
    this.#state.assertOpen();
    try {
      change(this.#draft);
    } catch (error) {
      if (!isInvalidConfig(error)) throw error;
      this.#problem ??= error;
    }
    return this;
  }
}

function isInvalidConfig(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'invalidConfig';
}

function u8(value: number, what: string): number {
  const count = Math.trunc(value);
  if (!(count >= 0 && count <= 255)) throw new Error(`${what} out of u8 range`);
  return count;
}
