import { constants } from 'node:os';
import type { SandboxConfigRecord } from '@microsandbox/types';
import { pingAgent, touchAgent } from './agent/ping.ts';
import type { LaunchedProcess } from './backend/sandbox-launcher.ts';
import type { BootInfo } from './boot-info.ts';
import { camelCaseKeys } from './config/camel-case-keys.ts';
import type { ProgramHost } from './exec/run-program.ts';
import { freshConnections } from './fs/fs-access.ts';
import { SandboxFsOps } from './fs/sandbox-fs-ops.ts';
import { SandboxFsSession } from './fs/sandbox-fs-session.ts';
import { refreshTarget } from './lifecycle/find-sandbox.ts';
import { assertRunning } from './lifecycle/not-running.ts';
import type { SandboxTarget } from './lifecycle/sandbox-place.ts';
import {
  DEFAULT_KILL_TIMEOUT_MS,
  DEFAULT_STOP_TIMEOUT_MS,
  killSandbox,
  requestDrain,
  requestKill,
  requestStop,
  stopSandbox,
  waitUntilStopped,
} from './lifecycle/stop-sandbox.ts';
import type { LogEntry } from './logs/log-entry.ts';
import type { LogReadOptions, LogStreamOptions } from './logs/log-options.ts';
import { LogStream } from './logs/log-stream.ts';
import { readLogs } from './logs/read-logs.ts';
import { MetricsStream } from './metrics/metrics-stream.ts';
import { readMetrics } from './metrics/read-metrics.ts';
import type { SandboxMetrics } from './metrics/sandbox-metrics.ts';
import type { ModifyOptions, SandboxModificationPlan } from './modify/modification.ts';
import { modifySandbox } from './modify/modify-sandbox.ts';
import type { NetworkEvent, NetworkEventOptions } from './network-events/network-event.ts';
import { networkEvents } from './network-events/network-events.ts';
import { SandboxPrograms } from './sandbox-programs.ts';
import type {
  SandboxConfig,
  SandboxPingResult,
  SandboxStopResult,
  SandboxTouchResult,
} from './sandbox-results.ts';
import { stopResult } from './stop-result.ts';

/** What a sandbox object is made of. */
export interface SandboxParts {
  readonly target: SandboxTarget;
  readonly config: SandboxConfigRecord;
  /** Set for the object that started the sandbox. */
  readonly process?: LaunchedProcess;
  readonly boot?: BootInfo;
  readonly initOwnsCommand?: boolean;
  readonly ownsLifecycle: boolean;
}

/**
 * A running sandbox. Made by `Sandbox.builder(...).create()`, `Sandbox.start()` or `SandboxHandle.connect()`.
 * Operations are independent of each other and may overlap.
 *
 * Leaving an `await using` scope stops the sandbox when this object started it attached; it is never removed.
 */
export class Sandbox extends SandboxPrograms implements AsyncDisposable {
  readonly name: string;
  /** Whether this object's process ends the sandbox with itself. */
  readonly ownsLifecycle: boolean;
  readonly backendKind = 'local';
  /** How the start went; undefined when somebody else started the sandbox. */
  readonly boot: BootInfo | undefined;
  /** Whether the image's init was handed the command of this start (`SandboxBuilder.initialCommand`) and runs it. */
  readonly initOwnsCommand: boolean;
  readonly #target: SandboxTarget;
  readonly #config: SandboxConfigRecord;
  readonly #process: LaunchedProcess | undefined;
  #detached = false;

  /** @internal */
  constructor(parts: SandboxParts) {
    super();
    this.name = parts.target.name;
    this.ownsLifecycle = parts.ownsLifecycle;
    this.boot = parts.boot;
    this.initOwnsCommand = parts.initOwnsCommand ?? false;
    this.#target = parts.target;
    this.#config = parts.config;
    this.#process = parts.process;
  }

  /** The sandbox's files. Every operation has a connection of its own. */
  fs(): SandboxFsOps {
    return new SandboxFsOps(freshConnections(this.#live()));
  }

  /** The sandbox's files over one connection, for many operations in a row. */
  async fsSession(): Promise<SandboxFsSession> {
    return SandboxFsSession.open(this.#live());
  }

  /** The configuration the sandbox runs with. */
  async config(): Promise<SandboxConfig> {
    return camelCaseKeys(this.#config) as SandboxConfig;
  }

  /** How fast the agent answers. Does not count as activity. */
  async ping(): Promise<SandboxPingResult> {
    await assertRunning(this.#live(), 'ping');
    return { name: this.name, latencyMs: await pingAgent(this.#target) };
  }

  /** Counts as activity, so that the idle time-out starts again. */
  async touch(): Promise<SandboxTouchResult> {
    await assertRunning(this.#live(), 'touch');
    return { name: this.name, activitySeq: await touchAgent(this.#target) };
  }

  /**
   * What the sandbox used up to the last sample.
   *
   * @throws MetricsDisabledError
   */
  async metrics(): Promise<SandboxMetrics> {
    return readMetrics(this.#live(), this.#takesNoSamples);
  }

  /** A sample at once, then one every `intervalMs`. */
  async metricsStream(intervalMs: number): Promise<MetricsStream> {
    const target = this.#live();
    const disabled = this.#takesNoSamples;
    return new MetricsStream(() => readMetrics(target, disabled), intervalMs, disabled);
  }

  /**
   * Changes the configuration, all of it or nothing; with `dryRun` only says what would change.
   *
   * @throws CustomError for what cannot be applied
   */
  async modify(options: ModifyOptions = {}): Promise<SandboxModificationPlan> {
    return modifySandbox(this.#live(), options);
  }

  /** Everything logged so far, by time. */
  async logs(options: LogReadOptions = {}): Promise<LogEntry[]> {
    return readLogs(this.#target, options);
  }

  /** Log entries as they come. */
  async logStream(options: LogStreamOptions = {}): Promise<LogStream> {
    return LogStream.open(this.#target, options);
  }

  /**
   * What the network policy allowed and refused, oldest first.
   *
   * @example
   * for await (const { action, hostname, allowRule } of sandbox.networkEvents({ follow: true })) {
   *   if (action === 'deny') console.log(hostname, allowRule);
   * }
   */
  networkEvents(options: NetworkEventOptions = {}): AsyncGenerator<NetworkEvent, void, void> {
    return networkEvents(this.#target, options);
  }

  /** Stops the sandbox: asks, and kills it after 10 s. Succeeds when it does not run. */
  async stop(): Promise<void> {
    await this.stopWithTimeout(DEFAULT_STOP_TIMEOUT_MS);
  }

  /** Stops the sandbox: asks, and kills it after `timeoutMs`; at once with 0. */
  async stopWithTimeout(timeoutMs: number): Promise<void> {
    await stopSandbox(this.#live(), timeoutMs);
    await this.#reaped();
  }

  /** Asks the sandbox to stop, without waiting. */
  async requestStop(): Promise<void> {
    await requestStop(this.#live());
  }

  /** Kills the sandbox and waits up to 5 s until it is gone. */
  async kill(): Promise<void> {
    await this.killWithTimeout(DEFAULT_KILL_TIMEOUT_MS);
  }

  /** Kills the sandbox and waits until it is gone. */
  async killWithTimeout(timeoutMs: number): Promise<void> {
    await killSandbox(this.#live(), timeoutMs);
    await this.#reaped();
  }

  /** Kills the sandbox. */
  async requestKill(): Promise<void> {
    await requestKill(this.#live());
  }

  /** Tells the sandbox process to end the sandbox, past the agent. */
  async requestDrain(): Promise<void> {
    await requestDrain(this.#live());
  }

  /** Waits until the sandbox has stopped, however long that takes. */
  async waitUntilStopped(): Promise<SandboxStopResult> {
    const target = this.#live();
    if (this.#process === undefined) return stopResult(target, await waitUntilStopped(target));
    const { code, signal } = await this.#process.wait();
    // A process that could not write its end down is found dead here.
    await refreshTarget(target);
    return {
      name: this.name,
      status: 'stopped',
      exitCode: code,
      signal: signal === null ? null : constants.signals[signal],
      observedAt: new Date(),
      source: 'owned process wait',
    };
  }

  /** Lets the sandbox outlive this process. This object cannot be used afterwards. */
  async detach(): Promise<void> {
    if (this.#detached) return;
    this.#detached = true;
    this.#process?.detach();
  }

  /** Stops the sandbox if this object owns it; never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ownsLifecycle && !this.#detached) await this.stop().catch(() => {});
  }

  get #takesNoSamples(): boolean {
    const { disable_metrics_sample, metrics_sample_interval_ms } = this.#config.runtime;
    return disable_metrics_sample || metrics_sample_interval_ms === null;
  }

  #live(): SandboxTarget {
    if (this.#detached) throw new Error('Sandbox handle has been consumed (detached or removed)');
    return this.#target;
  }

  protected override host(): ProgramHost {
    return { place: this.#live(), config: this.#config };
  }

  /** The row says so before the process is gone; what it held is free only then. */
  async #reaped(): Promise<void> {
    if (this.#process === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DEFAULT_KILL_TIMEOUT_MS);
    });
    await Promise.race([this.#process.wait(), patience]).finally(() => clearTimeout(timer));
  }
}
