import { mkdirSync } from 'node:fs';
import { Catalog, RunRepository, type RunRow, SandboxRepository, type SandboxRow } from '@microsandbox/db';
import {
  type HostConfig,
  type LaunchConfig,
  launchConfigSchema,
  sandboxConfigSchema,
} from '@microsandbox/types';
import {
  acquireFileLock,
  DEFAULT_HOST_CONFIG,
  homeLayout,
  type SandboxPaths,
  sandboxPaths,
} from '@microsandbox/utils';
import { resolveKernel } from '../src/kernel/resolve-kernel.ts';
import type { SandboxProcess } from '../src/start/sandbox-process.ts';
import { type StartSandboxProcessOptions, startSandboxProcess } from '../src/start/start-sandbox-process.ts';
import { makeDisks } from './make-disks.ts';

/** A home with a catalog and one sandbox `box`, as the SDK would have made it just before starting it. */
export class TestHome {
  readonly launch: LaunchConfig;
  readonly paths: SandboxPaths;
  readonly sandboxId: number;
  readonly #layout: ReturnType<typeof homeLayout>;

  private constructor(fields: {
    layout: ReturnType<typeof homeLayout>;
    launch: LaunchConfig;
    sandboxId: number;
  }) {
    this.#layout = fields.layout;
    this.launch = fields.launch;
    this.sandboxId = fields.sandboxId;
    this.paths = sandboxPaths(fields.layout, 'box');
  }

  static async create(
    home: string,
    options: { readonly ephemeral?: boolean; readonly cacheDir?: string } = {},
  ): Promise<TestHome> {
    const layout = homeLayout(home, options.cacheDir ? { cache: options.cacheDir } : {});
    const paths = sandboxPaths(layout, 'box');
    for (const folder of [paths.logsDir, paths.runtimeDir])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    const [disks, kernel] = await Promise.all([
      makeDisks(paths.dir),
      resolveKernel({ layout, config: DEFAULT_HOST_CONFIG, env: process.env }),
    ]);
    const config = sandboxConfigSchema.parse({
      name: 'box',
      image: { Oci: { reference: 'test' } },
      lifecycle: { ephemeral: options.ephemeral ?? false },
    });
    await using catalog = await Catalog.open({ layout });
    const { id } = await new SandboxRepository(catalog).insert(config);
    const launch = launchConfigSchema.parse({
      db_path: layout.dbFile,
      db_connect_timeout_secs: 30,
      log_dir: paths.logsDir,
      runtime_dir: paths.runtimeDir,
      sandboxes_dir: layout.sandboxesDir,
      run_dir: layout.runDir,
      cpu_lease_dir: layout.cpuLeaseDir,
      writeback_lease_dir: layout.writebackLeaseDir,
      cpu_placement: 'inherit',
      agent_sock: paths.agentSocket,
      libkrunfw_path: kernel.libkrunfwPath,
      lifecycle: { max_duration_secs: null, idle_timeout_secs: null },
      metrics: { sample_interval_ms: 1000, disabled: true },
      rootfs: { disk: disks.root, disk_format: 'raw', disk_readonly: true, upper: disks.upper },
      mounts: [],
      disks: [],
      bootstrap: {
        hostname: 'box',
        block_root: {
          kind: 'oci-erofs',
          lower: '/dev/vda',
          upper: { kind: 'device', device: '/dev/vdb', fstype: 'ext4' },
        },
      },
      exec_args: [],
      sandbox_slot: id,
    });
    return new TestHome({ layout, launch, sandboxId: id });
  }

  /** Starts the sandbox as the SDK does. */
  async start(
    options: Partial<Omit<StartSandboxProcessOptions, 'sandboxId' | 'name'>> = {},
  ): Promise<SandboxProcess> {
    const lock = await acquireFileLock(this.paths.lifecycleLock, { timeoutMs: 5000 });
    try {
      return await startSandboxProcess({
        launch: this.launch,
        name: 'box',
        sandboxId: this.sandboxId,
        vcpus: 1,
        memoryMib: 256,
        mode: 'attached',
        lifecycleLockFd: lock.fd,
        ...options,
        config: this.#withCache(options.config ?? { ...DEFAULT_HOST_CONFIG, warm: 'off' }),
      });
    } finally {
      await lock.handOver();
    }
  }

  get cacheDir(): string {
    return this.#layout.cacheDir;
  }

  #withCache(config: HostConfig): HostConfig {
    return { ...config, paths: { ...config.paths, cache: this.cacheDir } };
  }

  /** The sandbox's row and its latest run. */
  async rows(): Promise<{ readonly sandbox: SandboxRow | null; readonly run: RunRow | null }> {
    await using catalog = await Catalog.open({ layout: this.#layout, readOnly: true });
    return {
      sandbox: await new SandboxRepository(catalog).byId(this.sandboxId),
      run: await new RunRepository(catalog).latestRun(this.sandboxId),
    };
  }
}
