import { type CommandSpec, type OptionSpec, typed } from '../command-line/command-spec.ts';
import { integerUpTo } from '../values/integer.ts';
import { BULK_NAMES, type BulkOptions, requireTarget } from './bulk-target.ts';
import { LABEL_SELECTOR, QUIET } from './shared-options.ts';

/** As many seconds as a timer can hold. */
const MAX_SECS = 2_147_483;

export interface StopOptions extends BulkOptions {
  readonly force?: boolean;
  /** Seconds. */
  readonly timeout?: number;
}

/** Shared with `restart`. */
export const STOP_OPTIONS: readonly OptionSpec[] = [
  { long: 'force', short: 'f', about: 'Kill at once' },
  {
    long: 'timeout',
    short: 't',
    value: 'SECS',
    about: 'Seconds to wait before killing [default: 10]',
    parse: integerUpTo(MAX_SECS),
  },
];

export const stopCommand: CommandSpec = {
  name: 'stop',
  about: 'Stop sandboxes',
  group: 'Sandboxes',
  positionals: [BULK_NAMES],
  options: [...STOP_OPTIONS, LABEL_SELECTOR, QUIET],
  check: requireTarget,
  run: typed<StopOptions>(async ({ positionals, options }) => {
    const { stopSandboxes } = await import('../actions/index.ts');
    return stopSandboxes(positionals, options);
  }),
};
