import { ExecTimeoutError, SandboxNotFoundError } from '@microsandbox/types';
import { formatExactDuration, randomSandboxName } from '@microsandbox/utils';
import { Sandbox, type SandboxHandle } from 'microsandbox';
import type { Invocation } from '../command-line/command-spec.ts';
import type { RunOptions } from '../commands/run.ts';
import { CREATION_OPTIONS, type SandboxOptions } from '../commands/sandbox-options.ts';
import { printWarning } from '../errors/notice.ts';
import { writeOut } from '../output/write.ts';
import { buildSandbox, replaces } from './build-sandbox.ts';
import { type CommandRequest, commandRequest } from './command-request.ts';
import { createWithDisplay } from './create-with-display.ts';
import { commandDefaults, commandWithEntrypoint } from './default-command.ts';
import { followInit } from './follow-init.ts';
import { type ReadySandbox, resolveAndStart, stopOwned } from './resolve-and-start.ts';
import { runCommand } from './run-command.ts';
import { wantedSandbox } from './wanted-sandbox.ts';

/** `msb run` (spec: cli 6.3): in a new sandbox, or in the existing one of that name. */
export async function runSandbox(invocation: Invocation<RunOptions>): Promise<number> {
  const { options, trailing } = invocation;
  // The sandbox's own settings cover environment, directory and user; the command adds nothing to them.
  const { tty, noTty, timeout, rlimit, detachKeys } = options;
  const request = commandRequest({
    ...(tty && { tty }),
    ...(noTty && { noTty }),
    ...(timeout !== undefined && { timeout }),
    ...(rlimit && { rlimit }),
    ...(detachKeys !== undefined && { detachKeys }),
  });
  const existing = await existingSandbox(options);
  if (existing !== null) return runInExisting(existing, options, trailing, request);
  return runInNew(invocation, request);
}

async function runInNew(
  { positionals, options, trailing, logLevel }: Invocation<RunOptions>,
  request: CommandRequest,
): Promise<number> {
  const wanted = await wantedSandbox(positionals[0], options);
  const name = options.name ?? randomSandboxName();
  const builder = await buildSandbox(name, wanted, options, logLevel);
  builder.ephemeral(options.name === undefined).detached(options.detach === true);
  builder.initialCommand(trailing ?? []);
  const launchedAt = new Date();
  // Nobody stays to run the command, so the sandbox process does, and ends with it.
  if (options.detach && trailing?.length) builder.cmd(trailing).background(true);
  const sandbox = await createWithDisplay(builder, wanted.image.name, name, options);
  if (options.detach) {
    await sandbox.detach();
    writeOut(`${name}\n`);
    return 0;
  }
  const ready = { sandbox, owned: true };
  if (!sandbox.initOwnsCommand) return runAndStop(ready, trailing, request);
  try {
    return await followInit(sandbox, launchedAt, request.timeoutMs, timedOut(request.timeoutMs));
  } finally {
    await stopOwned(ready);
  }
}

async function runInExisting(
  handle: SandboxHandle,
  options: RunOptions,
  command: readonly string[] | null,
  request: CommandRequest,
): Promise<number> {
  if (Object.keys(options).some((option) => CREATION_OPTIONS.has(option as keyof SandboxOptions))) {
    printWarning(
      `sandbox '${handle.name}' already exists; creation flags ignored (use --replace to recreate)`,
    );
  }
  const ready = await resolveAndStart(handle, options);
  if (options.detach) {
    if (command !== null) {
      printWarning(
        `command after -- is not applied when reusing existing sandbox '${handle.name}' in --detach mode ` +
          `(use \`msb exec ${handle.name} -- ...\`)`,
      );
    }
    await ready.sandbox.detach();
    writeOut(`${handle.name}\n`);
    return 0;
  }
  return runAndStop(ready, command, request);
}

async function existingSandbox(options: RunOptions): Promise<SandboxHandle | null> {
  if (options.name === undefined || replaces(options)) return null;
  try {
    return await Sandbox.get(options.name);
  } catch (error) {
    if (error instanceof SandboxNotFoundError) return null;
    throw error;
  }
}

async function runAndStop(
  ready: ReadySandbox,
  command: readonly string[] | null,
  request: CommandRequest,
): Promise<number> {
  try {
    const defaults = await commandDefaults(ready.sandbox);
    const argv = commandWithEntrypoint(defaults, command, request.interactive);
    if (argv === null) return 0;
    return await runCommand(ready, argv, request, timedOut(request.timeoutMs));
  } finally {
    await stopOwned(ready);
  }
}

/** Makes the error for a command that took longer than its limit. */
function timedOut(limitMs = 0): () => ExecTimeoutError {
  return () => new ExecTimeoutError(`command timed out after ${formatExactDuration(limitMs)}`, limitMs);
}
