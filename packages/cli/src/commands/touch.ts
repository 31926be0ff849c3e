import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

export const touchCommand: CommandSpec = {
  name: 'touch',
  about: 'Refresh the idle timer of sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<BulkOptions>(async ({ positionals, options }) => {
    const { touchSandboxes } = await import('../actions/index.ts');
    return touchSandboxes(positionals, options);
  }),
};
