import { constants } from 'node:os';
import { ExecFailedError } from '@microsandbox/types';
import { type ExecHandle, type ExecSession, Sandbox, type SandboxHandle } from 'microsandbox';
import type { ExecOptions } from '../commands/exec.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { renderTable } from '../output/table.ts';
import { isTerminal, STDIN } from '../output/terminal.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { writeErr, writeOut } from '../output/write.ts';
import type { CommandRequest } from './command-request.ts';
import { forwardSignals } from './forward-signals.ts';
import { forwardStdin } from './forward-stdin.ts';
import { machineIsUp } from './machine-is-up.ts';
import { passOutput } from './stream-command.ts';

/** `msb exec --sessions NAME`: what runs in a sandbox, and detached commands that ended lately. */
export async function listExecSessions(name: string, { format }: ExecOptions): Promise<number> {
  const sandbox = await (await Sandbox.get(name)).connect();
  const sessions = await sandbox.execSessions();
  if (format === 'json') {
    writeOut(
      renderJson(sessions.map((session) => ({ ...session, startedAt: jsonTimestamp(session.startedAt) }))),
    );
  } else if (sessions.length === 0) {
    writeErr('No commands found.\n');
  } else {
    const rows = sessions.map((session) => [
      String(session.id),
      session.pid === null ? '-' : String(session.pid),
      stateOf(session),
      localTimestamp(session.startedAt),
      session.command,
    ]);
    writeOut(renderTable(['ID', 'PID', 'STATE', 'STARTED', 'COMMAND'], rows, paintOut));
  }
  return 0;
}

/** `msb exec --attach ID NAME`: continues a detached command, on this terminal when it has one itself. */
export async function attachExecSession(
  name: string,
  id: number,
  { interactive }: Pick<CommandRequest, 'interactive'>,
): Promise<number> {
  const sandbox = await (await Sandbox.get(name)).connect();
  const session = (await sandbox.execSessions()).find((candidate) => candidate.id === id);
  if (interactive && session?.tty) return (await sandbox.attachSessionTerminal(id)) & 0xff;
  const handle = await sandbox.attachSession(id);
  using _signals = forwardSignals(handle);
  using _stdin = isTerminal(STDIN) ? undefined : await forwardStdin(handle);
  const { code, signal } = await passOutput(handle);
  return (signal === null ? code : 128 + signal) & 0xff;
}

/**
 * `msb exec -d NAME -- COMMAND`: starts a command that outlives us and prints the number of its session. A sandbox that
 * is started for it stays.
 */
export async function startExecSession(
  handle: SandboxHandle,
  [command = '', ...args]: readonly string[],
  request: CommandRequest,
): Promise<number> {
  const sandbox = machineIsUp(handle) ? await handle.connect() : await Sandbox.startDetached(handle.name);
  const program = await sandbox.execStreamWith(command, (exec) => {
    exec.args(args).tty(request.tty).keep();
    if (request.tty) exec.stdinPipe();
    for (const [key, value] of request.env) exec.env(key, value);
    if (request.workdir !== undefined) exec.cwd(request.workdir);
    if (request.user !== undefined) exec.user(request.user);
    for (const { resource, soft, hard } of request.rlimits) exec.rlimitRange(resource, soft, hard);
    return exec;
  });
  const session = await program.keep();
  await started(program);
  writeOut(`${session}\n`);
  await program.detach().catch(() => {}); // It may have ended by now.
  await sandbox.detach();
  return 0;
}

/** Waits until the program runs, so that one that cannot be found is told here. */
async function started(program: ExecHandle): Promise<void> {
  const event = await program.recv();
  if (event?.kind === 'failed') throw new ExecFailedError(event.failure);
}

function stateOf({ exitCode, signal, detached, attached }: ExecSession): string {
  if (signal !== null) {
    const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
    return `ended by ${name ?? `signal ${signal}`}`;
  }
  if (exitCode !== null) return `exited ${exitCode}`;
  if (!detached) return 'running';
  return attached ? 'attached' : 'detached';
}
