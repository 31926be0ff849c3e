import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface ContextOptions {
  readonly format?: 'json';
}

export const contextCommand: CommandSpec = {
  name: 'context',
  aliases: ['ctx'],
  about: 'Show which backend commands use, and why',
  group: 'Installation',
  options: [FORMAT],
  run: typed<ContextOptions>(async ({ options }) => {
    const { showContext } = await import('../actions/index.ts');
    return showContext(options);
  }),
};
