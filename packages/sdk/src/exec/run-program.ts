import type { SandboxConfigRecord } from '@microsandbox/types';
import type { AttachOptions } from '../builders/attach-options-builder.ts';
import type { ExecOptions } from '../builders/exec-options-builder.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { attachTerminal, hostTerminal, sizeOf } from './attach.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from './detach-keys.ts';
import type { ExecHandle } from './exec-handle.ts';
import type { ExecOutput } from './exec-output.ts';
import { execRequestOf } from './exec-request.ts';
import { startProgram } from './start-program.ts';

/** Where a program runs, and under which settings of the sandbox. */
export interface ProgramHost {
  readonly place: SandboxPlace;
  readonly config: SandboxConfigRecord;
}

/** Command and leading arguments; those of the options follow. */
export type Argv = readonly [string, ...string[]];

/** Starts a program and returns its handle. */
export async function streamProgram(
  { place, config }: ProgramHost,
  [cmd, ...args]: Argv,
  options: ExecOptions,
): Promise<ExecHandle> {
  const program = { ...options, cmd, args: [...args, ...options.args] };
  return startProgram(place, execRequestOf(config, program, place.backend.env['TERM']), options);
}

/** Runs a program to its end, or to its time-out. */
export async function runProgram(host: ProgramHost, argv: Argv, options: ExecOptions): Promise<ExecOutput> {
  await using handle = await streamProgram(host, argv, options);
  return options.timeoutMs === undefined
    ? await handle.collect(options.maxOutputBytes)
    : await handle.collectWithin(options.timeoutMs, options.maxOutputBytes);
}

/** Runs a program on this process's terminal. */
export async function attachProgram(
  { place, config }: ProgramHost,
  [cmd, ...args]: Argv,
  options: AttachOptions,
): Promise<number> {
  const terminal = hostTerminal();
  const keys = parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS);
  const program = {
    ...options,
    cmd,
    args: [...args, ...options.args],
    tty: true,
    size: sizeOf(terminal),
  };
  const request = execRequestOf(config, program, place.backend.env['TERM']);
  await using handle = await startProgram(place, request, { stdin: { kind: 'pipe' } });
  return await attachTerminal(handle, terminal, keys);
}
