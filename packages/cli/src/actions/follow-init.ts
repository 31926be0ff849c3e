import { sleep } from '@microsandbox/utils';
import type { Sandbox } from 'microsandbox';
import { untilEnded } from './until-ended.ts';
import { writeStream } from './write-stream.ts';

/** The log is read for this long after the machine has ended; what it said last may be on its way. */
const LAST_WORDS_MS = 500;

/** Exit code when nobody saw how the machine ended. */
const UNKNOWN_END = 1;

/**
 * Shows what the machine says while its init runs the command, until it ends (spec: cli 6.3 step 7).
 *
 * @param since time of the launch
 * @param timedOut the error for a command that took too long
 * @returns the exit code of the machine
 */
export async function followInit(
  sandbox: Sandbox,
  since: Date,
  timeoutMs: number | undefined,
  timedOut: () => Error,
): Promise<number> {
  let expired = false;
  const end = (): void => {
    expired = true;
    sandbox.kill().catch(() => {});
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs);
  const stopped = sandbox.waitUntilStopped();
  const ended = stopped.then(silence, silence);
  try {
    await using log = await sandbox.logStream({ sources: ['system'], since, follow: true });
    for await (const { data } of untilEnded(() => log.recv(), ended)) await writeStream(process.stdout, data);
    const { exitCode } = await stopped;
    if (expired) throw timedOut();
    return exitCode ?? UNKNOWN_END;
  } finally {
    clearTimeout(timer);
  }
}

const silence = (): Promise<void> => sleep(LAST_WORDS_MS);
