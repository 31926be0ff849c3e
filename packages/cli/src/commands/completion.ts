import type { CommandSpec } from '../command-line/command-spec.ts';
import { UsageError } from '../command-line/usage-error.ts';

const SHELLS = ['bash', 'fish', 'zsh'];

export const completionCommand: CommandSpec = {
  name: 'completion',
  about: 'Print a completion script for a shell',
  group: 'Installation',
  positionals: [{ name: 'SHELL', about: `One of ${SHELLS.join(', ')}`, required: true }],
  examples: ['msb completion bash > ~/.local/share/bash-completion/completions/msb'],
  check: ({ positionals: [shell = ''] }) => {
    if (SHELLS.includes(shell)) return;
    throw new UsageError(`invalid value '${shell}' for '<SHELL>'`, {
      details: [`[possible values: ${SHELLS.join(', ')}]`],
    });
  },
  run: async ({ positionals: [shell = ''] }) => {
    const { printCompletion } = await import('../completion/print-completion.ts');
    return printCompletion(shell);
  },
};
