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

/** What {@link MACHINE} stands for. */
export interface MachineOptions {
  readonly vmm?: 'auto' | 'krun' | 'qemu';
  readonly accel?: 'auto' | 'kvm' | 'hvf' | 'tcg';
}

/** What runs the sandbox this time; not stored with it. */
export const MACHINE: readonly OptionSpec[] = [
  {
    long: 'vmm',
    value: 'MONITOR',
    about: 'Machine monitor of this start; otherwise the best there is',
    choices: ['auto', 'krun', 'qemu'],
  },
  {
    long: 'accel',
    value: 'ACCELERATOR',
    about: 'Accelerator of this start; tcg is software emulation',
    choices: ['auto', 'kvm', 'hvf', 'tcg'],
  },
];
