import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { UsageError } from '../command-line/usage-error.ts';
import { FORMAT, LABEL_SELECTOR } from './shared-options.ts';

export interface StatusOptions {
  readonly all?: boolean;
  readonly label?: readonly string[];
  readonly format?: 'json';
  readonly quiet?: boolean;
}

export const statusCommand: CommandSpec = {
  name: 'status',
  aliases: ['ps'],
  about: 'Show running sandboxes with their resources',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Show this sandbox, whatever its state' }],
  options: [
    { long: 'all', short: 'a', about: 'Include sandboxes that are not running' },
    LABEL_SELECTOR,
    FORMAT,
    { long: 'quiet', short: 'q', about: 'Only names' },
  ],
  check: ({ positionals, options }) => {
    if (positionals.length === 0) return;
    for (const [name, label] of [
      ['all', '--all'],
      ['label', '--label <KEY=VALUE>'],
    ] as const) {
      if (options[name] !== undefined) {
        throw new UsageError(`the argument '[NAME]' cannot be used with '${label}'`);
      }
    }
  },
  run: typed<StatusOptions>(async ({ options, positionals: [name] }) => {
    const { showStatus } = await import('../actions/index.ts');
    return showStatus(name, options);
  }),
};
