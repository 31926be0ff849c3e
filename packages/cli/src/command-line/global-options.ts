import { LOG_LEVELS, type OptionSpec } from './command-spec.ts';

/** Options every command takes, before or after its name. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { long: 'tree', about: 'Print the command tree and exit' },
  ...LOG_LEVELS.map((level) => ({
    long: level,
    about: `Show diagnostics up to level ${level}`,
    conflicts: LOG_LEVELS.filter((other) => other !== level),
  })),
];

/** Shown in help, handled before everything else. */
export const HELP_OPTION: OptionSpec = { long: 'help', short: 'h', about: 'Print help' };
export const VERSION_OPTION: OptionSpec = { long: 'version', short: 'V', about: 'Print version' };
