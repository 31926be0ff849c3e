import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { TERMINAL_OPTIONS, type TerminalOptions } from './exec-options.ts';
import { SANDBOX_OPTIONS, type SandboxOptions } from './sandbox-options.ts';

export interface RunOptions extends SandboxOptions, TerminalOptions {
  readonly detach?: boolean;
  readonly detachKeys?: string;
}

export const runCommand: CommandSpec = {
  name: 'run',
  about: 'Run a command in a new sandbox',
  group: 'Sandboxes',
  positionals: [{ name: 'IMAGE', about: 'Image reference, or path of a disk image' }],
  trailing: { name: 'COMMAND', about: "Command and arguments instead of the image's own" },
  options: [
    { long: 'detach', short: 'd', about: 'Leave the sandbox running in the background and print its name' },
    ...TERMINAL_OPTIONS,
    {
      long: 'detach-keys',
      value: 'KEYS',
      about: 'Keys that leave an interactive session [default: ctrl-]]',
    },
    ...SANDBOX_OPTIONS,
  ],
  examples: [
    'msb run alpine -- echo hello',
    "echo data | msb run python -- python -c 'print(input())'",
    'msb run -n dev -m 2G ubuntu',
  ],
  run: typed<RunOptions>(async (invocation) => {
    const { runSandbox } = await import('../actions/index.ts');
    return runSandbox(invocation);
  }),
};
