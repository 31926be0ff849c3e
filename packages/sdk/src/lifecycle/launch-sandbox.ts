import { isRunAlive, RunRepository, removeSocketArtifacts, SandboxRepository } from '@microsandbox/db';
import {
  BootStartError,
  type LaunchConfig,
  type SandboxConfigRecord,
  type VmmChoice,
  type VmmWish,
} from '@microsandbox/types';
import { type FileLock, sleep } from '@microsandbox/utils';
import type { LaunchedProcess, LaunchMode } from '../backend/sandbox-launcher.ts';
import type { BootPhaseListener } from '../boot-info.ts';
import { cancelMetricsSlot, type ReservedSlot, reserveMetricsSlot } from '../metrics/reserve-slot.ts';
import { resolveVolumes } from '../volumes/resolve-volumes.ts';
import { launchConfigOf } from './launch-config.ts';
import { networkOfLaunch } from './network-of-launch.ts';
import type { SandboxTarget } from './sandbox-place.ts';
import { sharedMounts } from './shared-mounts.ts';
import { writeScripts } from './write-scripts.ts';

/** Time that a killed process gets to be gone. */
const DYING_MS = 2000;
const POLL_MS = 20;

/** What starting a prepared sandbox needs. */
export interface LaunchOptions {
  readonly target: SandboxTarget;
  readonly config: SandboxConfigRecord;
  readonly libkrunfwPath: string;
  readonly vmdkPath: string | null;
  readonly mode: LaunchMode;
  /** Held; the sandbox process takes it over. */
  readonly lock: FileLock;
  readonly startup?: LaunchConfig['startup'];
  readonly wish?: VmmWish | undefined;
  /** What runs the machine, where that was decided before. */
  readonly choice?: VmmChoice;
  readonly onPhase?: BootPhaseListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the process of a sandbox whose row says `Running`, and records what it was started with. On failure
 * the row says `Stopped` and the logs stay.
 *
 * @throws BootStartError
 */
export async function launchSandbox(options: LaunchOptions): Promise<LaunchedProcess> {
  const { target, config, lock } = options;
  const { backend, layout } = target;
  const sandboxes = new SandboxRepository(await backend.catalog());
  let metricsSlot: ReservedSlot | null = null;
  try {
    const host = await backend.config();
    metricsSlot = await reserveMetricsSlot(target, config, host);
    await removeSocketArtifacts(target).catch(async (error: unknown) => {
      const { socketStartError } = await import('@microsandbox/runtime');
      throw await socketStartError(error, { name: target.name, ...target.paths });
    });
    await writeScripts(target, config.runtime.scripts);
    const network = networkOfLaunch(config.network, backend.env);
    const mounts = await resolveVolumes(target, config.mounts);
    const launched = await backend.launcher.start({
      launch: launchConfigOf({
        place: target,
        host,
        config: { ...config, mounts },
        sandboxId: target.id,
        libkrunfwPath: options.libkrunfwPath,
        shared: await sharedMounts({ ...config, mounts }, target.paths),
        network,
        vmdkPath: options.vmdkPath,
        startup: options.startup ?? null,
        metricsSlot,
      }),
      name: target.name,
      sandboxId: target.id,
      vcpus: config.resources.cpus,
      memoryMib: config.resources.memory_mib,
      mode: options.mode,
      lifecycleLockFd: lock.fd,
      layout,
      config: host,
      env: backend.env,
      wish: options.wish,
      choice: options.choice,
      onPhase: options.onPhase,
      signal: options.signal,
    });
    await lock.handOver();
    await sandboxes.setActiveConfig(target.id, config);
    return launched;
  } catch (error) {
    cancelMetricsSlot(metricsSlot);
    await undoLaunch(target).catch(() => {});
    await lock.release();
    throw withName(error, target.name);
  }
}

/**
 * What a process that failed may have left: an open run, an active state, its sockets. Where this fails too, on a
 * full disk for example, the next command that looks at the sandbox finds its process gone and does it.
 */
async function undoLaunch(target: SandboxTarget): Promise<void> {
  const catalog = await target.backend.catalog();
  const runs = new RunRepository(catalog);
  const open = await runs.activeRun(target.id);
  const end = { reason: 'InternalError', exitCode: 1 } as const;
  // A killed process can take a moment to be gone.
  for (let waited = 0; waited < DYING_MS && (await isRunAlive(open)); waited += POLL_MS) await sleep(POLL_MS);
  if (open !== null && !(await isRunAlive(open))) await runs.finish(open.id, end);
  await new SandboxRepository(catalog).setStatus(target.id, 'Stopped', ['Running', 'Draining']);
  await removeSocketArtifacts(target);
}

/** A boot error names the sandbox; other errors pass. */
function withName(error: unknown, name: string): unknown {
  if (!(error instanceof BootStartError) || error.sandbox === name) return error;
  const { record, consoleTail, kind, hint } = error;
  return new BootStartError(name, record, consoleTail, {
    cause: error,
    kind,
    ...(hint !== undefined && { hint }),
  });
}
