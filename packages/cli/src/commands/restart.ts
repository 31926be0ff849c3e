import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';
import { STOP_OPTIONS, type StopOptions } from './stop.ts';

export const restartCommand: CommandSpec = {
  name: 'restart',
  about: 'Stop and start sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [...STOP_OPTIONS, LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<StopOptions>(async ({ positionals, options }) => {
    const { restartSandboxes } = await import('../actions/index.ts');
    return restartSandboxes(positionals, options);
  }),
};
