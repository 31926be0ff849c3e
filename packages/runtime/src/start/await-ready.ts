import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { BootStartError, RuntimeError } from '@microsandbox/types';
import { classifyProcessEnd } from '../process/boot-failure-process.ts';
import type { BootPhaseName, BootReport } from '../process/status-message.ts';
import { readStatus } from './read-status.ts';

const FIRST_LINE_TIMEOUT_MS = 30_000;
/** The sandbox process has its own, shorter clock; this one is for when it does not run at all. */
const READY_TIMEOUT_MS = 300_000;

/**
 * Follows a sandbox process until its guest is ready.
 *
 * @throws BootStartError
 * @throws RuntimeError when the process does not say who it is in time
 */
export async function awaitReady(
  child: ChildProcess,
  status: Readable,
  options: {
    readonly name: string;
    /** How the process ends. */
    readonly exit: Promise<string>;
    /** What the process wrote into its log since its start. */
    readonly ownLog: () => Promise<string>;
    readonly onPhase: (phase: BootPhaseName) => void;
  },
): Promise<BootReport> {
  let timer = timeout(status, FIRST_LINE_TIMEOUT_MS);
  try {
    for await (const message of readStatus(status)) {
      if ('pid' in message) {
        assertSamePid(child, message.pid);
        clearTimeout(timer);
        timer = timeout(status, READY_TIMEOUT_MS);
      } else if ('phase' in message) {
        options.onPhase(message.phase);
      } else if ('ready' in message) {
        return message.ready;
      } else {
        const { error, kind, hint, console } = message;
        throw new BootStartError(options.name, error, console, { kind, ...(hint !== null && { hint }) });
      }
    }
  } finally {
    clearTimeout(timer);
    status.destroy();
  }
  const end = classifyProcessEnd({ status: await options.exit, log: await options.ownLog() });
  throw new BootStartError(options.name, end.record, end.lastLines, {
    kind: end.kind,
    ...(end.hint !== null && { hint: end.hint }),
  });
}

function timeout(status: Readable, ms: number): NodeJS.Timeout {
  const what = ms === FIRST_LINE_TIMEOUT_MS ? 'no JSON received' : 'the guest was not ready';
  return setTimeout(() => {
    status.destroy(new RuntimeError(`sandbox startup timeout: ${what} within ${ms / 1000} seconds`));
  }, ms);
}

function assertSamePid(child: ChildProcess, pid: number): void {
  if (pid === child.pid) return;
  throw new RuntimeError(`sandbox startup PID mismatch: spawned pid ${child.pid}, startup pid ${pid}`);
}
