import { CustomError } from '@microsandbox/types';
import { formatDuration, parseDurationMs, sleep } from '@microsandbox/utils';
import { Sandbox, type SandboxStopResult } from 'microsandbox';
import type { WaitOptions } from '../commands/wait.ts';
import { writeOut } from '../output/write.ts';
import { forEachTarget } from './bulk.ts';

/**
 * `msb wait`: a line `NAME STATUS` for each sandbox, in the order they were selected, once it has stopped. Exit code 1
 * when one crashed, is unknown, or still runs when the time is over; that time is for all of them together.
 */
export async function waitForSandboxes(names: readonly string[], options: WaitOptions): Promise<number> {
  const limitMs = options.timeout === undefined ? null : parseDurationMs(options.timeout);
  const deadline = limitMs === null ? null : performance.now() + limitMs;
  let crashed = false;
  const wait = async (name: string): Promise<void> => {
    const handle = await Sandbox.get(name);
    const ended = await before(deadline, handle.waitUntilStopped());
    if (ended === null) {
      throw new CustomError(`sandbox '${name}' still runs after ${formatDuration(limitMs ?? 0)}`, {
        hint: `msb stop ${name}`,
      });
    }
    crashed ||= ended.status === 'crashed';
    if (!options.quiet) writeOut(`${name} ${ended.status}\n`);
  };
  const code = await forEachTarget(names, options, wait, { loud: true });
  return crashed ? 1 : code;
}

/** The result, or null when the deadline (by `performance.now()`) comes first. */
async function before(
  deadline: number | null,
  ended: Promise<SandboxStopResult>,
): Promise<SandboxStopResult | null> {
  if (deadline === null) return await ended;
  const over = new AbortController();
  const timer = sleep(Math.max(0, deadline - performance.now()), { signal: over.signal }).then(
    () => null,
    () => null,
  );
  try {
    return await Promise.race([ended, timer]);
  } finally {
    over.abort();
  }
}
