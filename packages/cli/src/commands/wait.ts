import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR } from './shared-options.ts';

export interface WaitOptions extends BulkOptions {
  readonly timeout?: string;
}

export const waitCommand: CommandSpec = {
  name: 'wait',
  about: 'Wait until sandboxes have stopped, and print how they ended',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [
    { long: 'timeout', short: 't', value: 'DURATION', about: 'Give up after this long, such as 30s or 5m' },
    LABEL_SELECTOR,
    { long: 'quiet', short: 'q', about: 'Print nothing' },
  ],
  check: requireTarget,
  examples: ['msb wait build && msb logs build    # exit code 1 when it crashed'],
  run: typed<WaitOptions>(async ({ positionals, options }) => {
    const { waitForSandboxes } = await import('../actions/index.ts');
    return waitForSandboxes(positionals, options);
  }),
};
