import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface DoctorOptions {
  readonly format?: 'json';
}

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  about: 'Check whether sandboxes can boot on this machine',
  group: 'Installation',
  options: [FORMAT],
  run: typed<DoctorOptions>(async ({ options }) => {
    const { diagnose } = await import('../actions/index.ts');
    return diagnose(options);
  }),
};
