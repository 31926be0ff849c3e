import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { TERMINAL_OPTIONS, type TerminalOptions } from './exec-options.ts';
import { QUIET } from './shared-options.ts';

export interface ExecOptions extends TerminalOptions {
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly quiet?: boolean;
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
      long: 'stream',
      about: 'Accepted for compatibility; output is always streamed',
      conflicts: ['tty'],
      hidden: true,
    },
    QUIET,
  ],
  run: typed<ExecOptions>(async (invocation) => {
    const { execInSandbox } = await import('../actions/index.ts');
    return execInSandbox(invocation);
  }),
};
