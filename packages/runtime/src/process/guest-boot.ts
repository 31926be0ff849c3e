import { randomBytes } from 'node:crypto';
import type { LaunchConfig, VmProcess } from '@microsandbox/types';
import { AGENT_PORT } from '../vmm/guest-setup.ts';
import { encodeWake } from '../warm/template-messages.ts';
import { awaitAgent, NotReady } from './await-agent.ts';
import type { RuntimeLog } from './journal/runtime-log.ts';
import { unixTimeNanos } from './keeper/clock-sync.ts';
import type { LaunchedMachine } from './launch-machine.ts';
import type { SandboxNetwork } from './network/sandbox-network.ts';
import type { PhaseClock } from './phase-clock.ts';
import { BootHandshake } from './relay/boot-handshake.ts';
import { GuestLink } from './relay/guest-link.ts';
import { type MachineShares, startShares } from './shares.ts';
import { completeBootstrap } from './vm-plan.ts';

/** Random bytes that each guest gets before anything else. */
const ENTROPY_BYTES = 64;

/** What a boot works with. */
export interface GuestBootOptions {
  readonly launch: LaunchConfig;
  readonly network: SandboxNetwork | null;
  readonly phases: PhaseClock;
  readonly log: RuntimeLog;
  readonly env: NodeJS.ProcessEnv;
  /** Whether the sandbox is to end already. */
  readonly isEnding: () => boolean;
}

/** A guest whose agent is ready. */
export interface BootedGuest {
  readonly launched: LaunchedMachine;
  readonly link: GuestLink;
  /** The agent's own words. */
  readonly readyFrame: Buffer;
}

/** From a machine that was started to an agent that is ready, on a second machine if need be. */
export class GuestBoot {
  readonly #options: GuestBootOptions;
  #machine: VmProcess | null = null;
  #shares: MachineShares | null = null;
  #guestStarted = false;

  constructor(options: GuestBootOptions) {
    this.#options = options;
  }

  /** The machine that counts; null until there is one. */
  get machine(): VmProcess | null {
    return this.#machine;
  }

  /** Ends what serves the machine. */
  closeShares(): void {
    this.#shares?.close();
  }

  /**
   * Waits for the guest's agent, and where another try is promising, once more for that of another machine.
   *
   * @throws NotReady
   */
  async run(launched: LaunchedMachine): Promise<BootedGuest> {
    const { launch, network, log, env, isEnding } = this.#options;
    const { machine, choice, boot, bootInstead } = launched;
    this.#machine = machine;
    const how = boot.kind === 'warm' ? 'woke' : `booting (${boot.reason})`;
    log.info(`${choice.driver} ${machine.version} with ${choice.accelerator} (${choice.reason}), ${how}`);
    if (isEnding()) machine.kill();
    this.#shares = startShares(machine, launch, log);
    // Before the guest is spoken to: it may use its network as soon as it is.
    await network?.attach(machine);
    try {
      const { link, ready } = this.#shakeHands(launched);
      return { launched, link, readyFrame: await awaitAgent(ready, launched, env) };
    } catch (error) {
      if (bootInstead === null || isEnding() || !this.#isWorthAnotherTry(boot, error)) throw error;
      log.warn(`the guest that ${boot.kind === 'warm' ? 'woke' : 'booted'} did not answer; booting another`);
      machine.kill();
      this.#shares.close();
      await machine.exited;
      return await this.run(await bootInstead('its guest did not answer'));
    }
  }

  /**
   * A guest that woke may have had a bad template. A kernel that restarts before its first process runs met
   * something that is not of the sandbox's making: on a host that is much too busy, emulation does that.
   */
  #isWorthAnotherTry(boot: LaunchedMachine['boot'], error: unknown): boolean {
    if (boot.kind === 'warm') return true;
    return error instanceof NotReady && error.evidence.exit?.code === 0 && !this.#guestStarted;
  }

  /** Says to the agent what it is to be; `ready` has its answer. */
  #shakeHands({ choice, machine, diskIds }: LaunchedMachine): { link: GuestLink; ready: Promise<Buffer> } {
    const { launch, network, phases } = this.#options;
    this.#guestStarted = false;
    void machine.guestStarted.then(() => {
      this.#guestStarted = true;
      phases.reached('kernel');
    });
    const handshake = new BootHandshake({
      onResolved: (defaultUser) => {
        // Not every monitor tells that the guest runs.
        this.#guestStarted = true;
        this.#shares?.setDefaultOwner(defaultUser);
        phases.reached('agent');
      },
    });
    const port = machine.ports.get(AGENT_PORT);
    if (port === undefined) throw new RangeError('the machine has no agent port');
    const link = new GuestLink(port, handshake);
    const entropy = randomBytes(ENTROPY_BYTES);
    link.send(encodeWake({ entropy, unixTimeNanos: unixTimeNanos(), disks: diskIds }));
    link.sendMessage(0, 'core.bootstrap', completeBootstrap(launch, network?.guestSettings(choice.driver)));
    return { link, ready: handshake.run(link) };
  }
}
