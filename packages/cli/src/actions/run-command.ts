import { attachCommand } from './attach-command.ts';
import type { CommandRequest } from './command-request.ts';
import { printDenials } from './denial-hint.ts';
import type { ReadySandbox } from './resolve-and-start.ts';
import { streamCommand } from './stream-command.ts';

/**
 * Runs a command in a sandbox, on this terminal or with its streams passed through, and returns the exit code for our
 * own process: the low eight bits of the guest's, so 255 after a detach, and 128 and its number after a signal.
 *
 * @param timedOut the error for a command that took too long
 */
export async function runCommand(
  ready: ReadySandbox,
  argv: readonly string[],
  request: CommandRequest,
  timedOut: () => Error,
): Promise<number> {
  const startedAt = new Date();
  const code = request.interactive
    ? await attachWithin(ready, argv, request, timedOut)
    : await streamCommand(ready.sandbox, argv, request, timedOut);
  if (code !== 0) await printDenials(ready.sandbox, startedAt);
  return code & 0xff;
}

/**
 * An attached command can only be ended with its sandbox, so a time-out is for sandboxes that this process started;
 * others ignore it, as the reference command does.
 */
async function attachWithin(
  { sandbox, owned }: ReadySandbox,
  argv: readonly string[],
  request: CommandRequest,
  timedOut: () => Error,
): Promise<number> {
  let expired = false;
  const end = (): void => {
    expired = true;
    sandbox.kill().catch(() => {});
  };
  const limited = owned && request.timeoutMs !== undefined;
  const timer = limited ? setTimeout(end, request.timeoutMs) : undefined;
  try {
    const code = await attachCommand(sandbox, argv, request);
    if (!expired) return code;
  } catch (error) {
    if (!expired) throw error;
  } finally {
    clearTimeout(timer);
  }
  // Whatever the attachment made of the end, this is why it ended; the terminal is itself again by now.
  throw timedOut();
}
