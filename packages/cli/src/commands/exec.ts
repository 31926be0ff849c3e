import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { UsageError } from '../command-line/usage-error.ts';
import { integerUpTo } from '../values/integer.ts';
import { TERMINAL_OPTIONS, type TerminalOptions } from './exec-options.ts';
import { FORMAT, QUIET } from './shared-options.ts';

export interface ExecOptions extends TerminalOptions {
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly quiet?: boolean;
  readonly detach?: boolean;
  readonly attach?: number;
  readonly sessions?: boolean;
  readonly format?: 'json';
}

export const execCommand: CommandSpec = {
  name: 'exec',
  about: 'Run a command in a sandbox; a stopped one is started for it',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  trailing: { name: 'COMMAND', about: 'Command and arguments [default: those of the image, or a shell]' },
  options: [
    {
      long: 'env',
      short: 'e',
      value: 'KEY[=VALUE]',
      about: 'Environment variable; without a value, the one of this shell',
      repeatable: true,
    },
    { long: 'workdir', short: 'w', value: 'PATH', about: 'Working directory of the command' },
    { long: 'user', short: 'u', value: 'USER', about: 'User of the command: name, uid or uid:gid' },
    ...TERMINAL_OPTIONS,
    {
      long: 'detach',
      short: 'd',
      about: 'Leave the command running, and the sandbox, and print the number of its session',
      conflicts: ['attach', 'sessions', 'timeout'],
    },
    {
      long: 'attach',
      value: 'ID',
      about: 'Continue a detached command',
      parse: integerUpTo(0xffff_ffff),
      conflicts: ['detach', 'sessions'],
    },
    { long: 'sessions', about: 'List commands, detached ones that ended lately included' },
    FORMAT,
    {
      long: 'stream',
      about: 'Accepted for compatibility; output is always streamed',
      conflicts: ['tty'],
      hidden: true,
    },
    QUIET,
  ],
  check: ({ options, trailing }) => {
    if (options['detach'] && !trailing?.length) {
      throw new UsageError('the following required arguments were not provided:', {
        details: ['<COMMAND>...'],
      });
    }
  },
  run: typed<ExecOptions>(async (invocation) => {
    const { execInSandbox } = await import('../actions/index.ts');
    return execInSandbox(invocation);
  }),
};
