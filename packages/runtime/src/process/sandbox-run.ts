import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LaunchConfig, VmExit, VmProcess } from '@microsandbox/types';
import { assertRoom } from './assert-room.ts';
import { bootReportOf } from './boot-report.ts';
import { ControlServer } from './control/control-server.ts';
import { needsControlSocket } from './control/needs-control-socket.ts';
import { examineBootFailure } from './examine-boot-failure.ts';
import { type BootedGuest, GuestBoot } from './guest-boot.ts';
import { removeBootError, writeBootError } from './journal/boot-error-file.ts';
import { writeBootRecord } from './journal/boot-record-file.ts';
import { readConsoleTail } from './journal/console-tail.ts';
import { ExecLog } from './journal/exec-log.ts';
import type { RuntimeLog } from './journal/runtime-log.ts';
import { type EndRequest, endingOf } from './keeper/ending.ts';
import { flushWindowMs } from './keeper/flush-window.ts';
import { GuestReport } from './keeper/guest-report.ts';
import { Housekeeping } from './keeper/housekeeping.ts';
import type { MetricsSampler } from './keeper/metrics-sampler.ts';
import type { RunRecord } from './keeper/run-record.ts';
import { startMetrics } from './keeper/start-metrics.ts';
import type { LaunchedMachine } from './launch-machine.ts';
import { SandboxNetwork } from './network/sandbox-network.ts';
import { oomKills } from './oom-kills.ts';
import type { PhaseClock } from './phase-clock.ts';
import type { ProcessPlaces } from './places.ts';
import { AgentRelay } from './relay/agent-relay.ts';
import { socketTrouble } from './socket-trouble.ts';
import { prepareSocketFolder, publishLegacySocket, removeSockets } from './sockets.ts';
import { runStartupCommand } from './startup-command.ts';
import type { StatusChannel } from './status-channel.ts';

/** What a run works with. */
export interface SandboxRunOptions {
  readonly launch: LaunchConfig;
  readonly places: ProcessPlaces;
  /** The machine, which may still be starting. */
  readonly launched: Promise<LaunchedMachine>;
  readonly phases: PhaseClock;
  readonly record: Pick<RunRecord, 'begin' | 'end' | 'abandon' | 'removeIfEphemeral'>;
  readonly status: Pick<StatusChannel, 'send'>;
  readonly log: RuntimeLog;
  readonly env: NodeJS.ProcessEnv;
  readonly cpus: number;
  readonly memoryMib: number;
  /** The guest takes commands. */
  readonly onReady?: (launched: LaunchedMachine) => void;
}

/** One life of a sandbox: boot, serve, end (spec: runtime A2, A4). */
export class SandboxRun {
  readonly #options: SandboxRunOptions;
  readonly #execLog: ExecLog;
  readonly #relay: AgentRelay;
  readonly #guest: GuestReport;
  readonly #housekeeping: Housekeeping;
  readonly #oomKillsBefore = oomKills();
  #control: ControlServer | null = null;
  #metrics: MetricsSampler | null = null;
  #network: SandboxNetwork | null = null;
  #boot: GuestBoot | null = null;
  /** The guest that is served; null before it is ready. */
  #booted: BootedGuest | null = null;
  #request: EndRequest | null = null;

  constructor(options: SandboxRunOptions) {
    this.#options = options;
    // It may fail before anybody waits for it.
    options.launched.catch(() => {});
    const onError = (error: unknown) => options.log.error(`exec.log: ${(error as Error).message}`);
    this.#execLog = new ExecLog(options.places.execLog, { onError });
    this.#guest = new GuestReport(options.places.heartbeat);
    this.#relay = new AgentRelay({
      execLog: this.#execLog,
      log: options.log,
      spoolDir: options.places.runtimeDir,
      onHeartbeat: (heartbeat) => this.#guest.receive(heartbeat),
      onShutdownRequested: () => this.end({ reason: 'ShutdownRequested', exitCode: 0, manner: 'wait' }),
    });
    this.#housekeeping = new Housekeeping({
      launch: options.launch,
      relay: this.#relay,
      guest: this.#guest,
      kernelLog: options.places.kernelLog,
      end: (request) => this.end(request),
      onError: (message) => options.log.warn(message),
    });
  }

  /** Runs the sandbox to its end. @returns this process's exit code */
  async run(): Promise<number> {
    this.#housekeeping.startDurationTimer();
    let machine: VmProcess;
    try {
      machine = await this.#bootUp();
    } catch (error) {
      return await this.#failBoot(error);
    }
    return await this.#finish(await machine.exited);
  }

  /** Ends the machine; the first request decides about the reason, a later one can only hurry. */
  end(request: EndRequest): void {
    const first = this.#request === null;
    this.#request ??= request;
    const machine = this.#boot?.machine ?? null;
    if (machine === null) return;
    if (request.manner === 'now' || this.#booted === null) {
      machine.kill();
    } else if (first) {
      this.#options.log.info(`ending: ${request.reason}`);
      const { launched, link } = this.#booted;
      if (request.manner === 'ask') link.sendMessage(0, 'core.shutdown', null);
      const { launch, env } = this.#options;
      setTimeout(() => machine.kill(), flushWindowMs(launch, launched.choice.accelerator, env)).unref();
    }
  }

  async #bootUp(): Promise<VmProcess> {
    const { launch, places, phases, record, status, log, env } = this.#options;
    this.#network = await SandboxNetwork.prepare({
      launch,
      log,
      networkLog: places.networkLog,
      onTerminate: () => this.end({ reason: 'Failed', exitCode: 1, manner: 'now' }),
    });
    const isEnding = () => this.#request !== null;
    this.#boot = new GuestBoot({ launch, network: this.#network, phases, log, env, isEnding });
    await assertRoom(places.sandboxDir);
    await this.#prepare();
    const begun = record.begin();
    // Waited for below; until then its failure must not count as unhandled.
    begun.catch(() => {});
    const booted = await this.#boot.run(await this.#options.launched);
    const { launched } = booted;
    const runId = await begun;
    this.#serve(booted);
    this.#startMetrics(launched.machine, runId);
    phases.reached('ready');
    const report = { ...bootReportOf(launched), ports: this.#network?.ports ?? [] };
    await this.#step('boot.json', writeBootRecord(places.bootRecordFile, report));
    status.send({ ready: { ...report, phasesMs: phases.durations } });
    log.info(`ready after ${Math.round(performance.now())} ms`);
    this.#options.onReady?.(launched);
    return launched.machine;
  }

  /** Folders and sockets, made while the machine starts. */
  async #prepare(): Promise<void> {
    const { places } = this.#options;
    await mkdir(places.scriptsDir, { recursive: true, mode: 0o700 });
    for (const stale of Object.values(places.heartbeat)) await rm(stale, { force: true });
    await removeBootError(places.bootErrorFile);
    await this.#bindSockets().catch((error: unknown) => {
      throw socketTrouble(error, dirname(places.agentSocket));
    });
  }

  async #bindSockets(): Promise<void> {
    const { places, launch } = this.#options;
    await prepareSocketFolder(places);
    await this.#relay.listen(places.agentSocket);
    await publishLegacySocket(places.agentSocket, places.legacyAgentSocket);
    if (!needsControlSocket(launch)) return;
    this.#control = new ControlServer({ secrets: this.#network?.secrets ?? null });
    await this.#control.listen(places.controlSocket);
    await publishLegacySocket(places.controlSocket, places.legacyControlSocket);
  }

  #serve(booted: BootedGuest): void {
    const { launch, places, log, env } = this.#options;
    const { machine, choice } = booted.launched;
    this.#execLog.system('--- sandbox started ---');
    this.#booted = booted;
    this.#relay.serve(booted.link, booted.readyFrame);
    this.#housekeeping.start({
      link: booted.link,
      ...(machine.agentLeft && { agentLeft: machine.agentLeft }),
      flushWindowMs: flushWindowMs(launch, choice.accelerator, env),
    });
    if (!launch.startup) return;
    void runStartupCommand(places.agentSocket, launch.startup)
      .catch((error: Error) => {
        log.error(`startup command: ${error.message}`);
        return 1;
      })
      .then((exitCode) => {
        const reason = exitCode === 0 ? 'Completed' : 'Failed';
        this.end({ reason, exitCode: exitCode === 0 ? 0 : 1, manner: 'ask' });
      });
  }

  /** A sandbox runs on without samples. */
  #startMetrics(machine: VmProcess, runId: number): void {
    const { launch, cpus, memoryMib, log } = this.#options;
    try {
      this.#metrics = startMetrics({
        launch,
        runId,
        machine,
        guest: this.#guest,
        cpus,
        memoryMib,
        networkCounters: () => this.#network?.counters() ?? { rxBytes: 0, txBytes: 0 },
      });
    } catch (error) {
      log.warn(`no metrics: ${(error as Error).message}`);
    }
  }

  /** Everything that has to be put right after a boot that failed. Leaves the sandbox's state to its starter. */
  async #failBoot(error: unknown): Promise<number> {
    const { places, record, status, log, memoryMib } = this.#options;
    this.#housekeeping.stop();
    const machine = this.#boot?.machine ?? (await this.#machineThatCame());
    machine?.kill();
    this.#boot?.closeShares();
    await machine?.exited;
    await this.#step('network', this.#network?.close());
    const oomKillsBefore = await this.#oomKillsBefore;
    const report = await examineBootFailure(error, { places, memoryMib, oomKillsBefore });
    log.error(`boot failed: ${report.error.message}`);
    await this.#step('boot-error.json', writeBootError(places.bootErrorFile, report.error));
    await this.#step('sockets', removeSockets(places));
    if (this.#request === null) {
      await this.#step('catalog', record.abandon());
    } else {
      const { reason, exitCode } = this.#request;
      await this.#step('catalog', record.end({ reason, exitCode, status: 'Stopped' }));
    }
    status.send(report);
    await Promise.all([this.#relay.close(), this.#control?.close()]);
    await this.#execLog.close();
    return 1;
  }

  /** The machine of a boot that failed before anybody waited for it. */
  async #machineThatCame(): Promise<VmProcess | null> {
    return this.#options.launched.then(
      ({ machine }) => machine,
      () => null,
    );
  }

  /** Records how the machine ended. Clients lose their connections only when that is written down. */
  async #finish(exit: VmExit): Promise<number> {
    const { places, record, log } = this.#options;
    this.#housekeeping.stop();
    this.#boot?.closeShares();
    await this.#step('network', this.#network?.close());
    const console = this.#request === null ? await readConsoleTail(places.kernelLog) : [];
    const panicked = console.some((line) => line.includes('Kernel panic - not syncing'));
    const ending = endingOf(this.#request, exit, panicked);
    log.info(`ended: ${ending.reason}, monitor ${exit.signal ?? `exit code ${exit.code}`}`);
    if (ending.status === 'Crashed') {
      for (const line of [...console.slice(-10), ...exit.stderrTail.split('\n')]) log.error(`  ${line}`);
    }
    await this.#step('sockets', removeSockets(places));
    await this.#step('catalog', record.end(ending));
    this.#execLog.system('--- sandbox stopped ---');
    await Promise.all([this.#relay.close(), this.#control?.close()]);
    await this.#execLog.close();
    await this.#guest.settle();
    this.#metrics?.stop();
    await this.#step('ephemeral', record.removeIfEphemeral(places.sandboxDir));
    return ending.status === 'Crashed' ? 1 : (ending.exitCode ?? 0);
  }

  /** One part of the clean-up; its failure must not keep the others from happening. */
  async #step(what: string, done: Promise<void> | undefined): Promise<void> {
    await done?.catch((error: Error) => this.#options.log.error(`${what}: ${error.message}`));
  }
}
