import { parseDurationSecs } from '@microsandbox/utils';
import type { TerminalOptions } from '../commands/exec-options.ts';
import { isTerminal, STDIN } from '../output/terminal.ts';
import { type KeyValue, parseEnvEntry } from '../values/key-value.ts';
import { parseRlimit, type RlimitEntry } from '../values/rlimit.ts';

/** Everything about a guest command but the command itself. */
export interface CommandRequest {
  /** Somebody sits at a terminal: attach it. */
  readonly interactive: boolean;
  /** Give the command a pseudo terminal although none is attached. */
  readonly tty: boolean;
  readonly env: readonly KeyValue[];
  readonly workdir?: string;
  readonly user?: string;
  readonly rlimits: readonly RlimitEntry[];
  readonly timeoutMs?: number;
  readonly detachKeys?: string;
}

/**
 * Reads the options of `run` and `exec` about the command, before any sandbox is touched. Interactive is what has a
 * terminal on standard input, unless `--no-tty` says otherwise (spec: cli 12.1).
 */
export function commandRequest(
  options: TerminalOptions & {
    readonly env?: readonly string[];
    readonly workdir?: string;
    readonly user?: string;
    readonly detachKeys?: string;
  },
): CommandRequest {
  const { timeout, workdir, user, detachKeys } = options;
  return {
    interactive: isTerminal(STDIN) && options.noTty !== true,
    tty: options.tty === true,
    env: (options.env ?? []).map((entry) => parseEnvEntry(entry)),
    rlimits: (options.rlimit ?? []).map(parseRlimit),
    ...(workdir === undefined ? {} : { workdir }),
    ...(user === undefined ? {} : { user }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDurationSecs(timeout) * 1000 }),
    ...(detachKeys === undefined ? {} : { detachKeys }),
  };
}
