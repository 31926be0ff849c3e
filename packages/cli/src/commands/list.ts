import { listSandboxes } from '../actions/list-sandboxes.ts';
import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT, LABEL_SELECTOR } from './shared-options.ts';

export interface ListOptions {
  readonly running?: boolean;
  readonly stopped?: boolean;
  readonly label?: readonly string[];
  readonly format?: 'json';
  readonly quiet?: boolean;
}

export const listCommand: CommandSpec = {
  name: 'list',
  aliases: ['ls'],
  about: 'List sandboxes, newest first',
  group: 'Sandboxes',
  options: [
    { long: 'running', about: 'Only running sandboxes' },
    { long: 'stopped', about: 'Only stopped sandboxes' },
    LABEL_SELECTOR,
    FORMAT,
    { long: 'quiet', short: 'q', about: 'Only names' },
  ],
  run: typed<ListOptions>(({ options }) => listSandboxes(options)),
};
