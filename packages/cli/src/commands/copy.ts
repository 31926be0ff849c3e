import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { QUIET } from './shared-options.ts';

export interface CopyOptions {
  readonly quiet?: boolean;
}

export const copyCommand: CommandSpec = {
  name: 'copy',
  aliases: ['cp'],
  about: 'Copy files and folders between host and sandboxes',
  group: 'Sandboxes',
  positionals: [
    { name: 'SOURCE', about: 'SANDBOX:/PATH, a path of this host, or - for a tar archive', required: true },
    { name: 'DESTINATION', about: 'The same; an existing folder gets the copy inside', required: true },
  ],
  options: [QUIET],
  examples: [
    'msb cp ./app web:/srv            # a tree, with its modes and links',
    'msb cp web:/var/log ./logs',
    'msb cp web:/srv - > srv.tar      # as an archive; msb cp - web:/srv < srv.tar',
  ],
  run: typed<CopyOptions>(async ({ positionals: [source = '', destination = ''], options }) => {
    const { copyFiles } = await import('../actions/index.ts');
    return copyFiles(source, destination, options);
  }),
};
