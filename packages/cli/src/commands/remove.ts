import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

export interface RemoveOptions extends BulkOptions {
  readonly force?: boolean;
}

export const removeCommand: CommandSpec = {
  name: 'remove',
  aliases: ['rm'],
  about: 'Remove sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [{ long: 'force', short: 'f', about: 'Kill a running sandbox first' }, LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<RemoveOptions>(async ({ positionals, options }) => {
    const { removeSandboxes } = await import('../actions/index.ts');
    return removeSandboxes(positionals, options);
  }),
};
