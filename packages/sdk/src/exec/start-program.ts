import { type ExecRequest, startKeptExec } from '@microsandbox/protocol';
import { connectRunning } from '../agent/connect-running.ts';
import type { StdinOption } from '../builders/exec-options-builder.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { ExecHandle } from './exec-handle.ts';

export interface StartProgramOptions {
  readonly stdin: StdinOption;
  /** Whether the program outlives the handle. */
  readonly keep?: boolean;
}

/**
 * Starts a program on a connection of its own.
 *
 * @throws SandboxNotRunningError when the sandbox does not run
 */
export async function startProgram(
  place: SandboxPlace,
  request: ExecRequest,
  { stdin, keep = false }: StartProgramOptions,
): Promise<ExecHandle> {
  const client = await connectRunning(place);
  try {
    const stream = keep
      ? await startKeptExec(client, request)
      : await client.stream('core.exec.request', request);
    return new ExecHandle(client, stream, stdin);
  } catch (error) {
    await client.close();
    throw error;
  }
}
