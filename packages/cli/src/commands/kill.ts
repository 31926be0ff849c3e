import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

export const killCommand: CommandSpec = {
  name: 'kill',
  about: 'Kill sandboxes at once; what was not synced in the guest may be lost',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<BulkOptions>(async ({ positionals, options }) => {
    const { killSandboxes } = await import('../actions/index.ts');
    return killSandboxes(positionals, options);
  }),
};
