import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { integerUpTo } from '../values/integer.ts';
import { FORMAT, QUIET } from './shared-options.ts';

export interface WarmMakeOptions {
  readonly cpus?: number;
  readonly memory?: string;
  readonly quiet?: boolean;
}

export interface WarmListOptions {
  readonly format?: 'json';
}

const listCommand: CommandSpec = {
  name: 'list',
  aliases: ['ls'],
  about: 'List templates, the one used last first',
  options: [FORMAT],
  run: typed<WarmListOptions>(async ({ options }) => {
    const { listTemplates } = await import('../actions/index.ts');
    return listTemplates(options);
  }),
};

const removeCommand: CommandSpec = {
  name: 'remove',
  aliases: ['rm'],
  about: 'Remove all templates; sandboxes make new ones as they need them',
  run: async () => {
    const { removeTemplates } = await import('../actions/index.ts');
    return removeTemplates();
  },
};

function modeCommand(mode: 'auto' | 'off', about: string): CommandSpec {
  return {
    name: mode,
    about,
    run: async () => {
      const { setWarmMode } = await import('../actions/index.ts');
      return setWarmMode(mode);
    },
  };
}

export const warmCommand: CommandSpec = {
  name: 'warm',
  about: 'Make the template that sandboxes of one size wake from, or look after templates',
  group: 'Installation',
  options: [
    { long: 'cpus', short: 'c', value: 'CPUS', about: 'Virtual CPUs', parse: integerUpTo(255) },
    { long: 'memory', short: 'm', value: 'SIZE', about: 'Memory, such as 512M or 1G' },
    QUIET,
  ],
  subcommands: [
    listCommand,
    removeCommand,
    modeCommand('auto', 'Let sandboxes wake from templates (the default)'),
    modeCommand('off', 'Boot every sandbox from scratch'),
  ],
  run: typed<WarmMakeOptions>(async ({ options }) => {
    const { makeTemplate } = await import('../actions/index.ts');
    return makeTemplate(options);
  }),
};
