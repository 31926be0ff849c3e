import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

export const startCommand: CommandSpec = {
  name: 'start',
  about: 'Start stopped sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<BulkOptions>(async ({ positionals, options }) => {
    const { startSandboxes } = await import('../actions/index.ts');
    return startSandboxes(positionals, options);
  }),
};
