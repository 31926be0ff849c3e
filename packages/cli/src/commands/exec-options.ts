import type { OptionSpec } from '../command-line/command-spec.ts';

/** What `run` and `exec` take for the command they run. */
export interface TerminalOptions {
  readonly tty?: boolean;
  readonly noTty?: boolean;
  readonly timeout?: string;
  readonly rlimit?: readonly string[];
}

export const TERMINAL_OPTIONS: readonly OptionSpec[] = [
  { long: 'tty', short: 't', about: 'Give the command a terminal', conflicts: ['no-tty'] },
  {
    long: 'interactive',
    short: 'i',
    about: 'Accepted for those used to `-it`; standard input is always passed on',
    hidden: true,
  },
  { long: 'no-tty', about: 'Never attach this terminal', conflicts: ['tty'] },
  { long: 'timeout', value: 'DURATION', about: 'Kill the command after this long' },
  {
    long: 'rlimit',
    value: 'RESOURCE=SOFT[:HARD]',
    about: 'Resource limit of the command',
    repeatable: true,
  },
];
