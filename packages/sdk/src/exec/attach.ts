import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import { AgentLostError, ExecFailedError, TerminalError } from '@microsandbox/types';
import { DetachMatcher } from './detach-matcher.ts';
import type { ExecHandle } from './exec-handle.ts';
import type { TerminalSize } from './exec-request.ts';
import { RawTerminal, type TerminalInput } from './raw-terminal.ts';

/** What an attached call returns when the program was left running. */
export const DETACHED = -1;

/** The terminal that a program is attached to. */
export interface HostTerminal {
  readonly input: TerminalInput;
  readonly output: WriteStream;
}

/**
 * This process's terminal.
 *
 * @throws TerminalError when there is none
 */
export function hostTerminal(): HostTerminal {
  const { stdin, stdout } = process;
  if (!stdin.isTTY) {
    throw new TerminalError('terminal error: standard input is not a terminal', {
      hint: 'run it on a terminal, or use exec instead of attach',
    });
  }
  return { input: stdin, output: stdout };
}

/** Size of a terminal; 80 by 24 when it does not say. */
export function sizeOf({ output }: HostTerminal): TerminalSize {
  return { rows: output.rows ?? 24, cols: output.columns ?? 80 };
}

/**
 * Connects a terminal to a program that runs on one of its own: raw mode, keys, output, size changes. The
 * terminal is as it was when the promise settles.
 *
 * After the detach keys the program runs on as a detached session, where the sandbox can keep it.
 *
 * @returns the program's exit code, 128 and its number after a signal, or {@link DETACHED} after the detach keys or a
 *   lost connection
 * @throws ExecFailedError when the program never ran
 */
export async function attachTerminal(
  handle: ExecHandle,
  terminal: HostTerminal,
  detachKeys: Uint8Array,
): Promise<number> {
  const { input, output } = terminal;
  const sink = await handle.takeStdin();
  const matcher = new DetachMatcher(detachKeys);
  let leave = (): void => {};
  let isLeaving = false;
  const left = new Promise<number>((resolve) => {
    leave = () => resolve(DETACHED);
  });
  const ignore = (): void => {};
  const onData = (chunk: Buffer): void => {
    const match = matcher.push(chunk);
    if (match.forward.length > 0) sink?.write(match.forward).catch(ignore);
    if (!match.detached || isLeaving) return;
    isLeaving = true;
    // A runtime that cannot keep the program ends it with the connection.
    void handle.detach().catch(ignore).then(leave);
  };
  const onResize = (): void => {
    const { rows, cols } = sizeOf(terminal);
    handle.resize(rows, cols).catch(ignore);
  };
  using _raw = new RawTerminal(input, onResize);
  input.on('data', onData);
  // Hung up: nobody types any more.
  input.once('end', leave).once('error', leave);
  output.on('resize', onResize);
  try {
    const shown = showOutput(handle, output).catch((error: unknown) => {
      // Detaching closes the connection under the reader.
      if (isLeaving) return DETACHED;
      throw error;
    });
    return await Promise.race([shown, left]);
  } finally {
    output.off('resize', onResize);
    input.off('data', onData).off('end', leave).off('error', leave);
    input.pause();
  }
}

async function showOutput(handle: ExecHandle, output: WriteStream): Promise<number> {
  try {
    for await (const event of handle) {
      if (event.kind === 'exited') return event.signal === null ? event.code : 128 + event.signal;
      if (event.kind === 'failed') throw new ExecFailedError(event.failure);
      if (event.kind !== 'stdout' && event.kind !== 'stderr') continue;
      if (!output.write(event.data)) await once(output, 'drain');
    }
  } catch (error) {
    if (!(error instanceof AgentLostError)) throw error;
  }
  return DETACHED;
}
