import type { OptionSpec } from '../command-line/command-spec.ts';

/** Options that several commands share. */

export const QUIET: OptionSpec = { long: 'quiet', short: 'q', about: 'Suppress progress output' };

export const FORMAT: OptionSpec = {
  long: 'format',
  value: 'FORMAT',
  about: 'Output format',
  choices: ['json'],
};

export const LABEL_SELECTOR: OptionSpec = {
  long: 'label',
  value: 'KEY=VALUE',
  about: 'Select sandboxes by label (repeatable, all must match)',
  repeatable: true,
};
