import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, MACHINE, type MachineOptions, QUIET } from './shared-options.ts';

export interface StartOptions extends BulkOptions, MachineOptions {}

export const startCommand: CommandSpec = {
  name: 'start',
  about: 'Start stopped sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [LABEL_SELECTOR, QUIET, ...MACHINE],
  check: requireTarget,
  run: typed<StartOptions>(async ({ positionals, options }) => {
    const { startSandboxes } = await import('../actions/index.ts');
    return startSandboxes(positionals, options);
  }),
};
