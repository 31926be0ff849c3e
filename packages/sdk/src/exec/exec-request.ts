import type { ExecRequest } from '@microsandbox/protocol';
import type { SandboxConfigRecord } from '@microsandbox/types';
import { mergeEnvironment } from '../config/environment.ts';
import { assertRlimits } from '../config/rlimits.ts';
import type { Rlimit } from '../values.ts';

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** The program and its settings, before the sandbox's are laid under them. */
export interface ProgramSpec {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly tty: boolean;
  readonly size?: TerminalSize | undefined;
  readonly rlimits: readonly Rlimit[];
}

const DEFAULT_SIZE: TerminalSize = { rows: 24, cols: 80 };

/**
 * The agent's request for a program (spec: sdk 14.1): the sandbox's environment under the program's, its
 * working directory and user unless the program has its own, a `TERM` on a terminal.
 *
 * @throws InvalidConfigError for a soft limit above its hard one
 */
export function execRequestOf(
  config: SandboxConfigRecord,
  program: ProgramSpec,
  hostTerm: string | undefined,
): ExecRequest {
  assertRlimits(program.rlimits);
  const own = Object.entries(program.env).map(([key, value]) => ({ key, value }));
  const env = mergeEnvironment(config.env, own).map(({ key, value }) => `${key}=${value}`);
  if (program.tty && !env.some((entry) => entry.startsWith('TERM=')))
    env.push(`TERM=${terminalType(hostTerm)}`);
  const { rows, cols } = program.size ?? DEFAULT_SIZE;
  return {
    cmd: program.cmd,
    args: [...program.args],
    env,
    cwd: program.cwd ?? config.runtime.workdir ?? '/',
    user: program.user ?? config.runtime.user,
    tty: program.tty,
    rows,
    cols,
    rlimits: program.rlimits.map(({ resource, soft, hard }) => ({
      resource,
      soft: BigInt(soft),
      hard: BigInt(hard),
    })),
  };
}

/** The host's terminal type, unless it says nothing or that it can nothing. */
export function terminalType(hostTerm: string | undefined): string {
  const term = hostTerm?.trim() ?? '';
  return term === '' || term === 'dumb' ? 'xterm' : term;
}
