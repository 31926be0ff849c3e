import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

export interface PingOptions extends BulkOptions {
  readonly touch?: boolean;
}

export const pingCommand: CommandSpec = {
  name: 'ping',
  about: 'Check that sandboxes answer',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [{ long: 'touch', about: 'Refresh the idle timer as well' }, LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<PingOptions>(async ({ positionals, options }) => {
    const { pingSandboxes } = await import('../actions/index.ts');
    return pingSandboxes(positionals, options);
  }),
};
