import type { SandboxRow } from '@microsandbox/db';
import { isActive } from '@microsandbox/db';
import { JsonError } from '@microsandbox/types';
import { parseUtcTimestamp } from '@microsandbox/utils';
import { connectAgent } from './agent/connect-agent.ts';
import { pingAgent, touchAgent } from './agent/ping.ts';
import type { LocalBackend } from './backend/local-backend.ts';
import type { BootOrigin } from './boot-info.ts';
import { camelCaseKeys } from './config/camel-case-keys.ts';
import { parseRecord } from './config/parse-record.ts';
import { startSandbox } from './create-sandbox.ts';
import { withFileErrors } from './lifecycle/file-errors.ts';
import { requireSandbox } from './lifecycle/find-sandbox.ts';
import { assertRunning, sandboxNotRunning } from './lifecycle/not-running.ts';
import { readBootOrigin } from './lifecycle/read-boot-origin.ts';
import { removeSandbox } from './lifecycle/remove-sandbox.ts';
import { type SandboxTarget, targetOf } from './lifecycle/sandbox-place.ts';
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
import { readMetrics, takesNoSamples } from './metrics/read-metrics.ts';
import type { SandboxMetrics } from './metrics/sandbox-metrics.ts';
import type { ModifyOptions, SandboxModificationPlan } from './modify/modification.ts';
import { modifySandbox } from './modify/modify-sandbox.ts';
import type { NetworkEvent, NetworkEventOptions } from './network-events/network-event.ts';
import { networkEvents } from './network-events/network-events.ts';
import { Sandbox } from './sandbox-instance.ts';
import type {
  SandboxConfig,
  SandboxPingResult,
  SandboxStopResult,
  SandboxTouchResult,
} from './sandbox-results.ts';
import { statusOf, stopResult } from './stop-result.ts';
import type { SandboxStatus } from './values.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/**
 * A sandbox as it was when the handle was made, running or not. Operations look at the sandbox anew; the
 * properties do not change, see {@link refresh}.
 */
export class SandboxHandle {
  readonly name: string;
  readonly status: SandboxStatus;
  readonly backendKind = 'local';
  /** The stored configuration, as it is. */
  readonly configJson: string;
  /** The configuration the running machine was started with, or null. */
  readonly activeConfigJson: string | null;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
  readonly #backend: LocalBackend;
  readonly #row: SandboxRow;

  /** @internal */
  constructor(backend: LocalBackend, row: SandboxRow) {
    this.name = row.name;
    this.status = statusOf(row.status);
    this.configJson = row.config;
    this.activeConfigJson = row.active_config;
    this.createdAt = parseUtcTimestamp(row.created_at);
    this.updatedAt = parseUtcTimestamp(row.updated_at);
    this.#backend = backend;
    this.#row = row;
  }

  /**
   * The configuration, with keys in camelCase.
   *
   * @throws JsonError
   */
  config(): SandboxConfig {
    try {
      return camelCaseKeys(JSON.parse(this.configJson)) as SandboxConfig;
    } catch (error) {
      throw new JsonError(
        `json error: stored configuration of sandbox '${this.name}': ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  /** A handle of the sandbox as it is now. */
  async refresh(): Promise<SandboxHandle> {
    return new SandboxHandle(this.#backend, await requireSandbox(this.#backend, this.name));
  }

  /** Boots the stopped sandbox; it ends with this process. */
  async start(): Promise<Sandbox> {
    return startSandbox(this.#backend, this.name, { mode: 'attached' });
  }

  /** Boots the stopped sandbox; it outlives this process. */
  async startDetached(): Promise<Sandbox> {
    return startSandbox(this.#backend, this.name, { mode: 'detached' });
  }

  /**
   * Connects to the running sandbox.
   *
   * @throws SandboxNotRunningError
   */
  async connect(): Promise<Sandbox> {
    return this.connectWithTimeout(DEFAULT_CONNECT_TIMEOUT_MS);
  }

  /** Like {@link connect}, waiting at most `timeoutMs` for the agent. */
  async connectWithTimeout(timeoutMs: number): Promise<Sandbox> {
    if (!isActive(this.#row.status)) throw sandboxNotRunning(this.name, this.#row.status);
    const target = await this.#target();
    const client = await connectAgent(target, { timeoutMs });
    await client.close();
    const config = await parseRecord(this.#row.active_config ?? this.#row.config, this.name);
    return new Sandbox({ target, config, ownsLifecycle: false });
  }

  /** How the running sandbox came to life; null when it does not run, or when nobody wrote that down. */
  async boot(): Promise<BootOrigin | null> {
    return isActive(this.#row.status) ? readBootOrigin((await this.#target()).paths) : null;
  }

  /** How fast the agent answers. Does not count as activity. */
  async ping(): Promise<SandboxPingResult> {
    const target = await this.#target();
    await assertRunning(target, 'ping');
    return { name: this.name, latencyMs: await pingAgent(target) };
  }

  /** Counts as activity, so that the idle time-out starts again. */
  async touch(): Promise<SandboxTouchResult> {
    const target = await this.#target();
    await assertRunning(target, 'touch');
    return { name: this.name, activitySeq: await touchAgent(target) };
  }

  /** Stops the sandbox: asks, and kills it after 10 s. Succeeds when it does not run. */
  async stop(): Promise<void> {
    await this.stopWithTimeout(DEFAULT_STOP_TIMEOUT_MS);
  }

  /** Stops the sandbox: asks, and kills it after `timeoutMs`; at once with 0. */
  async stopWithTimeout(timeoutMs: number): Promise<void> {
    await stopSandbox(await this.#target(), timeoutMs);
  }

  /** Asks the sandbox to stop, without waiting. */
  async requestStop(): Promise<void> {
    await requestStop(await this.#target());
  }

  /** Kills the sandbox and waits up to 5 s until it is gone. */
  async kill(): Promise<void> {
    await this.killWithTimeout(DEFAULT_KILL_TIMEOUT_MS);
  }

  /** Kills the sandbox and waits until it is gone. */
  async killWithTimeout(timeoutMs: number): Promise<void> {
    await killSandbox(await this.#target(), timeoutMs);
  }

  /** Kills the sandbox. */
  async requestKill(): Promise<void> {
    await requestKill(await this.#target());
  }

  /** Tells the sandbox process to end the sandbox, past the agent. */
  async requestDrain(): Promise<void> {
    await requestDrain(await this.#target());
  }

  /** Waits until the sandbox has stopped, however long that takes. */
  async waitUntilStopped(): Promise<SandboxStopResult> {
    const target = await this.#target();
    return stopResult(target, await waitUntilStopped(target));
  }

  /**
   * Removes the stopped sandbox with everything it wrote.
   *
   * @throws SandboxStillRunningError
   */
  async remove(): Promise<void> {
    await withFileErrors(async () => removeSandbox(await this.#target()));
  }

  /**
   * What the sandbox used up to the last sample.
   *
   * @throws SandboxNotRunningError
   * @throws MetricsDisabledError
   */
  async metrics(): Promise<SandboxMetrics> {
    if (!isActive(this.#row.status)) throw sandboxNotRunning(this.name, this.#row.status);
    const disabled = takesNoSamples(this.#row.active_config ?? this.#row.config);
    return readMetrics(await this.#target(), disabled);
  }

  /**
   * Changes the configuration, all of it or nothing; with `dryRun` only says what would change.
   *
   * @throws CustomError for what cannot be applied
   */
  async modify(options: ModifyOptions = {}): Promise<SandboxModificationPlan> {
    return modifySandbox(await this.#target(), options);
  }

  /** Everything logged so far, by time. */
  async logs(options: LogReadOptions = {}): Promise<LogEntry[]> {
    return readLogs(await this.#target(), options);
  }

  /** Log entries as they come. */
  async logStream(options: LogStreamOptions = {}): Promise<LogStream> {
    return LogStream.open(await this.#target(), options);
  }

  /**
   * What the network policy allowed and refused, oldest first.
   *
   * @example
   * for await (const { action, hostname, allowRule } of handle.networkEvents({ lastRun: true })) {
   *   if (action === 'deny') console.log(hostname, allowRule);
   * }
   */
  async *networkEvents(options: NetworkEventOptions = {}): AsyncGenerator<NetworkEvent, void, void> {
    yield* networkEvents(await this.#target(), options);
  }

  #target(): Promise<SandboxTarget> {
    return targetOf(this.#backend, this.#row);
  }
}
