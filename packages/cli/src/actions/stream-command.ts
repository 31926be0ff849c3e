import { ExecFailedError, RuntimeError } from '@microsandbox/types';
import type { ExecHandle, Sandbox } from 'microsandbox';
import { isTerminal, STDIN } from '../output/terminal.ts';
import type { CommandRequest } from './command-request.ts';
import { forwardSignals } from './forward-signals.ts';
import { forwardStdin } from './forward-stdin.ts';
import { writeStream } from './write-stream.ts';

/**
 * Runs a command without a terminal: standard input, output and error pass through as they come, each for itself.
 * Returns the exit code; 128 and the signal's number when a signal ended it, as shells have it.
 *
 * @throws ExecFailedError when the program never ran
 */
export async function streamCommand(
  sandbox: Sandbox,
  [command = '', ...args]: readonly string[],
  request: CommandRequest,
  onTimeout: () => Error,
): Promise<number> {
  const stdinWanted = !isTerminal(STDIN);
  await using handle = await sandbox.execStreamWith(command, (exec) => {
    exec.args(args).tty(request.tty);
    if (stdinWanted) exec.stdinPipe();
    for (const [key, value] of request.env) exec.env(key, value);
    if (request.workdir !== undefined) exec.cwd(request.workdir);
    if (request.user !== undefined) exec.user(request.user);
    for (const { resource, soft, hard } of request.rlimits) exec.rlimitRange(resource, soft, hard);
    return exec;
  });
  using signals = forwardSignals(handle);
  using _stdin = stdinWanted ? await forwardStdin(handle) : undefined;
  using timeout = killAfter(handle, request.timeoutMs);
  const { code, signal } = await passOutput(handle);
  if (timeout.expired) throw onTimeout();
  // An older agent does not tell the signal; ours is the best guess then.
  const endedBy = signal ?? (code === -1 ? signals.last : null);
  return endedBy === null ? code : 128 + endedBy;
}

/** Copies output until the end. */
export async function passOutput(handle: ExecHandle): Promise<{ code: number; signal: number | null }> {
  for await (const event of handle) {
    if (event.kind === 'stdout') await writeStream(process.stdout, event.data);
    if (event.kind === 'stderr') await writeStream(process.stderr, event.data);
    if (event.kind === 'failed') throw new ExecFailedError(event.failure);
    if (event.kind === 'exited') return event;
  }
  throw new RuntimeError('runtime error: exec session ended without exit event');
}

/** Kills the command when its time is over. */
function killAfter(handle: ExecHandle, timeoutMs: number | undefined): Disposable & { expired: boolean } {
  const timeout = { expired: false, [Symbol.dispose]: () => clearTimeout(timer) };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timeout.expired = true;
          // The end of the stream tells when the sandbox itself is gone.
          handle.kill().catch(() => {});
        }, timeoutMs);
  return timeout;
}
