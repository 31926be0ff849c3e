import { closeSync } from 'node:fs';
import { addon } from '@microsandbox/native';
import { NetworkEngine, type NetworkPlan, type PublishedPort, planNetwork } from '@microsandbox/network';
import type { LaunchConfig, VmProcess } from '@microsandbox/types';
import type { RuntimeLog } from '../journal/runtime-log.ts';
import type { NetworkCounters } from '../keeper/metrics-sampler.ts';
import { type GuestNetworkSettings, guestNetworkSettings } from './guest-settings.ts';
import { NetworkLog } from './network-log.ts';
import { verdictRecord } from './verdict-record.ts';

/** What a {@link SandboxNetwork} works with. */
export interface SandboxNetworkOptions {
  readonly launch: Pick<LaunchConfig, 'network' | 'deployment_profile' | 'sandbox_slot'>;
  readonly log: RuntimeLog;
  /** Path of `network.log`. */
  readonly networkLog: string;
}

/** The network of a sandbox through its life, whichever machine is at its other end. */
export class SandboxNetwork {
  readonly #plan: NetworkPlan;
  readonly #log: RuntimeLog;
  readonly #verdicts: NetworkLog;
  #engine: NetworkEngine | null = null;

  /**
   * The network that a launch asks for; null when it asks for none.
   *
   * @throws RuntimeError `initialize network: ...`
   */
  static plan({ launch, log, networkLog }: SandboxNetworkOptions): SandboxNetwork | null {
    const { network, deployment_profile: profile, sandbox_slot: slot } = launch;
    if (network === null || network === undefined) return null;
    const plan = planNetwork({ natives: addon(), document: network, profile, slot });
    if (!plan.config.enabled) return null;
    for (const warning of plan.warnings) log.warn(warning);
    const onError = (error: unknown): void => log.error(`network.log: ${(error as Error).message}`);
    return new SandboxNetwork(plan, log, new NetworkLog(networkLog, onError));
  }

  private constructor(plan: NetworkPlan, log: RuntimeLog, verdicts: NetworkLog) {
    this.#plan = plan;
    this.#log = log;
    this.#verdicts = verdicts;
  }

  /** What the guest is told about it. */
  get guestSettings(): GuestNetworkSettings {
    return guestNetworkSettings(this.#plan);
  }

  /** Ports that are listened on, each with the host's real port. */
  get ports(): readonly PublishedPort[] {
    return this.#engine?.ports ?? [];
  }

  /** Bytes in the guest's terms: it receives what the stack sends. */
  counters(): NetworkCounters {
    const counters = this.#engine?.counters();
    return { rxBytes: counters?.bytesToGuest ?? 0, txBytes: counters?.bytesFromGuest ?? 0 };
  }

  /**
   * Takes the frames of a machine, in place of those of an earlier one.
   *
   * @throws RuntimeError `initialize network: ...`
   */
  async attach({ networkSocket }: Pick<VmProcess, 'networkSocket'>): Promise<void> {
    if (networkSocket === undefined) throw new RangeError('the machine has no network interface');
    try {
      await this.#stopEngine();
    } catch (error) {
      closeSync(networkSocket);
      throw error;
    }
    this.#verdicts.append({ t: new Date().toISOString(), type: 'started' });
    this.#engine = NetworkEngine.start({
      natives: addon(),
      plan: this.#plan,
      frameFd: networkSocket,
      onVerdict: (verdict) => this.#verdicts.append(verdictRecord(verdict, this.#plan.config.policy)),
      onWarning: (message) => this.#log.warn(message),
    });
    for (const { protocol, host_bind, host_port, guest_port } of this.ports) {
      this.#log.info(`port ${host_bind}:${host_port} -> ${guest_port}/${protocol}`);
    }
  }

  /** Ends every connection and listener. */
  async close(): Promise<void> {
    await this.#stopEngine();
    await this.#verdicts.close();
  }

  async #stopEngine(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.stop();
  }
}
