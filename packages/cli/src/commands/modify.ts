import { type CommandSpec, type OptionSpec, typed } from '../command-line/command-spec.ts';
import { integerUpTo } from '../values/integer.ts';
import { FORMAT } from './shared-options.ts';

export interface ModifyCommandOptions {
  readonly cpus?: number;
  readonly maxCpus?: number;
  readonly memory?: string;
  readonly maxMemory?: string;
  readonly rootDisk?: string;
  readonly env?: readonly string[];
  readonly envRm?: readonly string[];
  readonly label?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly workdir?: string;
  readonly secret?: readonly string[];
  readonly secretRm?: readonly string[];
  readonly dryRun?: boolean;
  readonly nextStart?: boolean;
  readonly restart?: boolean;
  readonly format?: 'json';
}

/** What is to be changed, in the order in which hints repeat it. */
export const MODIFY_CHANGES: readonly OptionSpec[] = [
  { long: 'cpus', value: 'CPUS', about: 'Virtual CPUs', parse: integerUpTo(255) },
  { long: 'max-cpus', value: 'CPUS', about: 'Most virtual CPUs', parse: integerUpTo(255) },
  { long: 'memory', value: 'SIZE', about: 'Memory, such as 512M or 2G' },
  { long: 'max-memory', value: 'SIZE', about: 'Most memory' },
  { long: 'root-disk', value: 'SIZE', about: 'Size of the root disk; it only grows' },
  { long: 'env', value: 'KEY=VALUE', about: 'Set an environment variable', repeatable: true },
  { long: 'env-rm', value: 'KEY', about: 'Remove an environment variable', repeatable: true },
  { long: 'label', value: 'KEY=VALUE', about: 'Set a label', repeatable: true },
  { long: 'label-rm', value: 'KEY', about: 'Remove a label', repeatable: true },
  { long: 'workdir', value: 'PATH', about: 'Working directory of commands' },
  {
    long: 'secret',
    value: 'ENV@HOST[,HOST...]',
    about: 'Add a secret, or change who may see it',
    repeatable: true,
  },
  { long: 'secret-rm', value: 'ENV', about: 'Remove a secret', repeatable: true },
];

export const modifyCommand: CommandSpec = {
  name: 'modify',
  aliases: ['mod'],
  about: 'Change a sandbox',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  options: [
    ...MODIFY_CHANGES,
    { long: 'dry-run', about: 'Only show what would change' },
    { long: 'next-start', about: 'Save for the next start', conflicts: ['restart'] },
    { long: 'restart', about: 'Restart a running sandbox to apply at once', conflicts: ['next-start'] },
    FORMAT,
  ],
  run: typed<ModifyCommandOptions>(async ({ options, positionals: [name = ''] }) => {
    const { modifySandbox } = await import('../actions/index.ts');
    return modifySandbox(name, options);
  }),
};
