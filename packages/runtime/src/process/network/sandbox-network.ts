import { closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addon, type PolicyVerdictSeen } from '@microsandbox/native';
import {
  type ConnectionEvent,
  guestCaFiles,
  LiveSecrets,
  NetworkEngine,
  type NetworkPlan,
  type PublishedPort,
  planNetwork,
  TlsInterception,
} from '@microsandbox/network';
import {
  type LaunchConfig,
  MicrosandboxError,
  RuntimeError,
  type VmmChoice,
  type VmProcess,
} from '@microsandbox/types';
import type { SecretsUpdater } from '../control/secrets-updater.ts';
import type { RuntimeLog } from '../journal/runtime-log.ts';
import type { NetworkCounters } from '../keeper/metrics-sampler.ts';
import { describeConnection } from './describe-connection.ts';
import { type GuestNetworkSettings, guestNetworkSettings } from './guest-settings.ts';
import { NetworkLog } from './network-log.ts';
import { verdictRecord } from './verdict-record.ts';
import { writeCaFiles } from './write-ca-files.ts';

/** What a {@link SandboxNetwork} works with. */
export interface SandboxNetworkOptions {
  readonly launch: Pick<
    LaunchConfig,
    'network' | 'deployment_profile' | 'sandbox_slot' | 'db_path' | 'runtime_dir'
  >;
  readonly log: RuntimeLog;
  /** Path of `network.log`. */
  readonly networkLog: string;
  /** A secret that may never leave was about to: the sandbox has to end. */
  readonly onTerminate: () => void;
}

/** The network of a sandbox through its life, whichever machine is at its other end. */
export class SandboxNetwork {
  readonly #options: SandboxNetworkOptions;
  readonly #plan: NetworkPlan;
  readonly #tls: TlsInterception | null;
  readonly #secrets: LiveSecrets;
  readonly #verdicts: NetworkLog;
  #engine: NetworkEngine | null = null;

  /**
   * Gets the network ready that a launch asks for, with the certificates that its guest has to trust; null when it
   * asks for none.
   *
   * @throws RuntimeError `initialize network: ...`
   */
  static async prepare(options: SandboxNetworkOptions): Promise<SandboxNetwork | null> {
    const { launch, log } = options;
    const { network, deployment_profile: profile, sandbox_slot: slot } = launch;
    if (network === null || network === undefined) return null;
    const plan = planNetwork({ natives: addon(), document: network, profile, slot });
    if (!plan.config.enabled) return null;
    for (const warning of plan.warnings) log.warn(warning);
    const tls = await loadInterception(plan, options);
    const authorityPem = tls?.authorityPem ?? null;
    const files = await guestCaFiles({ authorityPem, trustHostCas: plan.config.trust_host_cas });
    await writeCaFiles(launch.runtime_dir, files);
    return new SandboxNetwork(options, plan, tls);
  }

  private constructor(options: SandboxNetworkOptions, plan: NetworkPlan, tls: TlsInterception | null) {
    this.#options = options;
    this.#plan = plan;
    this.#tls = tls;
    this.#secrets = new LiveSecrets(plan.config.secrets);
    this.#verdicts = new NetworkLog(options.networkLog, (error) =>
      options.log.error(`network.log: ${(error as Error).message}`),
    );
  }

  /** What the guest of such a monitor is told about it. */
  guestSettings(driver: VmmChoice['driver']): GuestNetworkSettings {
    return guestNetworkSettings(this.#plan, driver);
  }

  /** Changes secrets for connections that begin from now on. */
  get secrets(): SecretsUpdater {
    return this.#secrets;
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
    const { log, onTerminate } = this.#options;
    this.#verdicts.append({ t: new Date().toISOString(), type: 'started' });
    this.#engine = NetworkEngine.start({
      natives: addon(),
      plan: this.#plan,
      frameFd: networkSocket,
      tls: this.#tls,
      secrets: this.#secrets,
      onVerdict: (verdict) => this.#record(verdict),
      onConnection: (event) => this.#tell(event),
      onWarning: (message) => log.warn(message),
      onTerminate,
    });
    for (const { protocol, host_bind, host_port, guest_port } of this.ports) {
      log.info(`port ${host_bind}:${host_port} -> ${guest_port}/${protocol}`);
    }
  }

  /** Ends every connection and listener, and forgets the secrets. */
  async close(): Promise<void> {
    await this.#stopEngine();
    this.#secrets[Symbol.dispose]();
    await this.#verdicts.close();
  }

  #record(verdict: PolicyVerdictSeen): void {
    this.#verdicts.append(verdictRecord(verdict, this.#plan.config.policy));
  }

  #tell(event: ConnectionEvent): void {
    if (event.type !== 'violation') this.#options.log.info(describeConnection(event));
    else if (event.report.action === 'block-and-log') this.#options.log.warn(describeConnection(event));
    else if (event.report.action === 'block-and-terminate') {
      this.#options.log.error(describeConnection(event));
    }
  }

  async #stopEngine(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.stop();
  }
}

/** The home's authority lies beside the catalog's folder. */
async function loadInterception(
  { config }: NetworkPlan,
  { launch, log }: SandboxNetworkOptions,
): Promise<TlsInterception | null> {
  if (!config.tls.enabled) return null;
  const tlsDir = join(dirname(dirname(launch.db_path)), 'tls');
  try {
    return await TlsInterception.load({ config: config.tls, tlsDir, onWarning: (text) => log.warn(text) });
  } catch (cause) {
    if (!(cause instanceof MicrosandboxError)) throw cause;
    const reason = cause.message.replace(/^(invalid config: )?(TLS initialization failed: )?/, '');
    throw new RuntimeError(`initialize network: TLS initialization failed: ${reason}`, {
      cause,
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
  }
}
