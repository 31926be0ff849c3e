import type { LaunchConfig } from '@microsandbox/types';
import { limitKernelLog } from '../journal/kernel-log-limit.ts';
import type { AgentRelay } from '../relay/agent-relay.ts';
import type { GuestLink } from '../relay/guest-link.ts';
import { CLOCK_CHECK_MS, ClockSync, unixTimeNanos } from './clock-sync.ts';
import type { EndRequest } from './ending.ts';
import type { GuestReport } from './guest-report.ts';
import { HaltWatch } from './halt-watch.ts';
import { IdleMonitor } from './idle-monitor.ts';

const IDLE_CHECK_MS = 1000;
/** Longest delay a timer takes; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A guest that is ready. */
export interface ServedGuest {
  readonly link: GuestLink;
  readonly agentLeft?: Promise<void>;
  /** Milliseconds that it gets to end by itself. */
  readonly flushWindowMs: number;
}

/** What housekeeping works with. */
export interface HousekeepingOptions {
  readonly launch: Pick<LaunchConfig, 'lifecycle'>;
  readonly relay: Pick<AgentRelay, 'activeCommands'>;
  /** What the guest says about itself. */
  readonly guest: Pick<GuestReport, 'latest'>;
  readonly kernelLog: string;
  end(request: EndRequest): void;
  /** Something goes without; the sandbox runs on. */
  onError(message: string): void;
}

/** What a running sandbox needs all the time: clock, size of the console's log, idle time, maximum duration, its end. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  #halt: HaltWatch | null = null;
  #isOver = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** The maximum duration counts from the start of the process, not from readiness. */
  startDurationTimer(): void {
    const seconds = this.#options.launch.lifecycle.max_duration_secs;
    if (typeof seconds !== 'number') return;
    const end = () => this.#options.end({ reason: 'MaxDurationExceeded', exitCode: 0, manner: 'now' });
    this.#timers.push(setTimeout(end, Math.min(seconds * 1000, MAX_TIMER_MS)));
  }

  /** The guest is ready. */
  start({ link, agentLeft, flushWindowMs }: ServedGuest): void {
    const clock = new ClockSync();
    const tick = () => {
      if (clock.isDue(Date.now())) {
        link.sendMessage(0, 'core.clock.sync', { unixTimeNanos: unixTimeNanos() });
      }
      limitKernelLog(this.#options.kernelLog).catch(() => {});
    };
    tick();
    this.#timers.push(setInterval(tick, CLOCK_CHECK_MS));
    this.#watchIdleness();
    this.#watchForHalt();
    void agentLeft?.then(() => this.#agentLeft(flushWindowMs));
  }

  stop(): void {
    this.#isOver = true;
    this.#halt?.[Symbol.dispose]();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** A guest that powers off by itself has completed; nothing of it is left to ask. */
  #watchForHalt(): void {
    const { kernelLog, end, onError } = this.#options;
    try {
      this.#halt = new HaltWatch(kernelLog, () => end({ reason: 'Completed', exitCode: 0, manner: 'now' }));
    } catch (error) {
      onError(`the console is not watched: ${(error as Error).message}`);
    }
  }

  /**
   * Beside another process 1 the agent may end alone. Nothing can be asked of such a guest any more; but it may be about
   * to unmount its disks and end, with an init that ended the agent first.
   */
  #agentLeft(flushWindowMs: number): void {
    if (this.#isOver) return;
    const end = () => {
      this.#options.onError('the agent has ended, and the guest has not');
      this.#options.end({ reason: 'Failed', exitCode: 1, manner: 'now' });
    };
    this.#timers.push(setTimeout(end, flushWindowMs));
  }

  #watchIdleness(): void {
    const seconds = this.#options.launch.lifecycle.idle_timeout_secs;
    if (typeof seconds !== 'number') return;
    const monitor = new IdleMonitor(seconds * 1000);
    const { relay, guest } = this.#options;
    const check = () => {
      if (monitor.isIdle(guest.latest, relay.activeCommands, performance.now())) {
        this.#options.end({ reason: 'IdleTimeout', exitCode: 0, manner: 'ask' });
      }
    };
    check();
    this.#timers.push(setInterval(check, IDLE_CHECK_MS));
  }
}
