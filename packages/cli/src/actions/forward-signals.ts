import { constants } from 'node:os';
import type { ExecHandle } from 'microsandbox';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Interrupts after which the command is killed, and after which we stop waiting for it. */
const KILL_AT = 2;
const LEAVE_AT = 3;

export interface SignalForwarding extends Disposable {
  /** Number of the last signal passed on; null without one. */
  readonly last: number | null;
}

/**
 * Passes signals on to the command: ctrl-c interrupts it, a second one kills it, a third one leaves it behind (the
 * sandbox ends with us then).
 */
export function forwardSignals(handle: ExecHandle): SignalForwarding {
  let last: number | null = null;
  let interrupts = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    last = constants.signals[name];
    if (name === 'SIGINT') interrupts += 1;
    if (interrupts >= LEAVE_AT) process.exit(128 + last);
    // The end of the stream tells when the sandbox is gone.
    (interrupts >= KILL_AT ? handle.kill() : handle.signal(last)).catch(() => {});
  };
  for (const name of FORWARDED) process.on(name, onSignal);
  return {
    get last() {
      return last;
    },
    [Symbol.dispose]() {
      for (const name of FORWARDED) process.off(name, onSignal);
    },
  };
}
