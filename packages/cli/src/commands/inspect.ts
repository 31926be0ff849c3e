import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface InspectOptions {
  readonly format?: 'json';
}

export const inspectCommand: CommandSpec = {
  name: 'inspect',
  about: 'Show everything about a sandbox',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  options: [FORMAT],
  run: typed<InspectOptions>(async ({ options, positionals: [name = ''] }) => {
    const { inspectSandbox } = await import('../actions/index.ts');
    return inspectSandbox(name, options);
  }),
};
