import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import {
  type BootErrorRecord,
  BootStartError,
  type HostConfig,
  type LaunchConfig,
  type VmmChoice,
  type VmmWish,
} from '@microsandbox/types';
import { LAUNCH_FD, LIFECYCLE_LOCK_FD, PARENT_WATCH_FD, STATUS_FD } from '../process/descriptors.ts';
import { formatProcessArguments, type SandboxMode } from '../process/process-arguments.ts';
import type { BootPhaseName } from '../process/status-message.ts';
import { chooseVmm } from '../vmm/choose-vmm.ts';
import { warmSetting } from '../warm/warm-setting.ts';
import { assertShareable } from './assert-shareable.ts';
import { awaitReady } from './await-ready.ts';
import { bootStartErrorOf } from './boot-start-error-of.ts';
import { BootTraces } from './boot-traces.ts';
import { exitOf } from './exit-of.ts';
import { SandboxProcess } from './sandbox-process.ts';
import { sandboxProcessCommand } from './sandbox-process-command.ts';

/** Time that a killed process gets to be gone; only the kernel can keep it longer. */
const DYING_MS = 2000;

/** A step of a start that was just reached. */
export interface BootPhase {
  readonly phase: BootPhaseName;
  /** Milliseconds since the start was asked for. */
  readonly elapsedMs: number;
}

/** What to start, and how. */
export interface StartSandboxProcessOptions {
  readonly launch: LaunchConfig;
  readonly name: string;
  readonly sandboxId: number;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** An attached sandbox ends when its starter does; a detached one goes on. */
  readonly mode: SandboxMode;
  /** Descriptor of the held lifecycle lock; the sandbox process holds it on. */
  readonly lifecycleLockFd: number;
  readonly config: HostConfig;
  /** Goes before what environment and configuration say. */
  readonly wish?: VmmWish | undefined;
  /** What runs the machine, where that was decided before. */
  readonly choice?: VmmChoice | undefined;
  /** Ends the start, and the process with it. */
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: BootPhase) => void;
}

/**
 * Starts a sandbox process and waits until its guest takes commands.
 *
 * @throws BootStartError with the record and the console's last lines when the guest does not come up
 * @throws UnsupportedError for shared folders where they cannot be had
 * @throws whatever `signal` was aborted with; the process is gone then
 */
export async function startSandboxProcess(options: StartSandboxProcessOptions): Promise<SandboxProcess> {
  const started = performance.now();
  options.signal?.throwIfAborted();
  assertShareable(options.launch, process.platform);
  const traces = new BootTraces(options.launch.log_dir);
  const begun = traces.begin();
  // Waited for below; until then its failure must not count as unhandled.
  begun.catch(() => {});
  const choice =
    options.choice ??
    (await choose(options, async (record) => {
      await begun;
      await traces.keep(record);
    }));
  await begun;
  const { child, exit } = await spawnProcess(options, choice, traces.runtimeLog);
  const abort = () => child.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    stream<Writable>(child, LAUNCH_FD).end(JSON.stringify(options.launch));
    const boot = await awaitReady(child, stream<Readable>(child, STATUS_FD), {
      name: options.name,
      exit,
      ownLog: traces.ownLog,
      onPhase: (phase) => options.onPhase?.({ phase, elapsedMs: performance.now() - started }),
    });
    const watch = options.mode === 'attached' ? stream<Writable>(child, PARENT_WATCH_FD) : null;
    return new SandboxProcess(child, boot, watch);
  } catch (error) {
    await endAtOnce(child);
    options.signal?.throwIfAborted();
    if (error instanceof BootStartError) await traces.keep(error.record);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

function cacheDirOf({ config, launch }: StartSandboxProcessOptions): string {
  return config.paths.cache ?? join(dirname(dirname(launch.db_path)), 'cache');
}

/**
 * What is to run the machine. A wish that cannot be had fails like a boot, before anything is started.
 *
 * @throws BootStartError
 */
async function choose(
  options: StartSandboxProcessOptions,
  keep: (record: BootErrorRecord) => Promise<void>,
): Promise<VmmChoice> {
  const { name, config, wish } = options;
  try {
    return await chooseVmm({ wish, env: process.env, config, cacheDir: cacheDirOf(options) });
  } catch (error) {
    const failure = bootStartErrorOf(name, error);
    await keep(failure.record);
    throw failure;
  }
}

async function spawnProcess(
  options: StartSandboxProcessOptions,
  choice: VmmChoice,
  runtimeLog: string,
): Promise<{ readonly child: ChildProcess; readonly exit: Promise<string> }> {
  const { config, mode } = options;
  const cacheDir = cacheDirOf(options);
  const command = sandboxProcessCommand(cacheDir);
  // What Node itself prints, should it die; the process writes its own lines by name.
  const stderr = await open(runtimeLog, 'a', 0o600);
  try {
    const { mode: warm, maxTemplates } = warmSetting({ env: process.env, config });
    const argv = formatProcessArguments({ ...options, cacheDir, choice, warm, maxTemplates });
    const child = spawn(command.program, [...command.args, ...argv], {
      // A session of its own: a terminal's signals must not reach it. An attached one watches its starter instead.
      detached: true,
      env: command.env,
      cwd: '/',
      stdio: stdio(mode, { stderr: stderr.fd, lock: options.lifecycleLockFd }),
    });
    const exit = exitOf(child);
    for (const fd of [LAUNCH_FD, PARENT_WATCH_FD]) child.stdio[fd]?.on('error', () => {});
    return { child, exit };
  } finally {
    await stderr.close();
  }
}

/** Kills a process and waits until it is gone: what it might still write down, its starter is about to undo. */
async function endAtOnce(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, DYING_MS);
    child.once('exit', () => {
      clearTimeout(patience);
      resolve();
    });
    child.kill('SIGKILL');
  });
}

type Stdio = 'ignore' | 'pipe' | number;

function stdio(mode: SandboxMode, fds: { readonly stderr: number; readonly lock: number }): Stdio[] {
  const list: Stdio[] = ['ignore', 'ignore', fds.stderr];
  list[LAUNCH_FD] = 'pipe';
  list[STATUS_FD] = 'pipe';
  list[PARENT_WATCH_FD] = mode === 'attached' ? 'pipe' : 'ignore';
  list[LIFECYCLE_LOCK_FD] = fds.lock;
  return list;
}

function stream<T extends Readable | Writable>(child: ChildProcess, fd: number): T {
  return child.stdio[fd] as T;
}
