import { ExecTimeoutError } from '@microsandbox/types';
import { formatExactDuration } from '@microsandbox/utils';
import { Sandbox } from 'microsandbox';
import type { Invocation } from '../command-line/command-spec.ts';
import type { ExecOptions } from '../commands/exec.ts';
import { commandRequest } from './command-request.ts';
import { commandDefaults, commandWithEntrypoint } from './default-command.ts';
import { attachExecSession, listExecSessions, startExecSession } from './exec-sessions.ts';
import { resolveAndStart, stopOwned } from './resolve-and-start.ts';
import { runCommand } from './run-command.ts';

/**
 * `msb exec`: runs a command literally, or what the image runs by default (spec: cli 6.15). Ours: `-d`, `--attach` and
 * `--sessions` for commands that outlive us.
 */
export async function execInSandbox({
  positionals: [name = ''],
  options,
  trailing,
}: Invocation<ExecOptions>): Promise<number> {
  const request = commandRequest(options);
  if (options.sessions) return listExecSessions(name, options);
  if (options.attach !== undefined) return attachExecSession(name, options.attach, request);
  const handle = await Sandbox.get(name);
  if (options.detach && trailing?.length) return startExecSession(handle, trailing, request);
  const ready = await resolveAndStart(handle, options);
  try {
    const argv = trailing?.length
      ? trailing
      : commandWithEntrypoint(await commandDefaults(ready.sandbox), null, request.interactive);
    if (argv === null) return 0;
    return await runCommand(ready, argv, request, () => timedOut(request.timeoutMs ?? 0));
  } finally {
    await stopOwned(ready);
  }
}

function timedOut(timeoutMs: number): ExecTimeoutError {
  return new ExecTimeoutError(`exec timed out after ${formatExactDuration(timeoutMs)}`, timeoutMs);
}
