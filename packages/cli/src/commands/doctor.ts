import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface DoctorOptions {
  readonly format?: 'json';
  readonly fix?: boolean;
  readonly boot?: boolean;
}

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  about: 'Check whether sandboxes can boot on this machine',
  group: 'Installation',
  options: [
    FORMAT,
    { long: 'fix', about: 'Put right what can be put right without harm, and warm a template' },
    { long: 'yes', short: 'y', about: 'Accepted for compatibility; --fix asks nothing' },
    { long: 'boot', about: 'Also boot an empty sandbox, and show how long each part took' },
  ],
  run: typed<DoctorOptions>(async ({ options }) => {
    const { diagnose } = await import('../actions/index.ts');
    return diagnose(options);
  }),
};
