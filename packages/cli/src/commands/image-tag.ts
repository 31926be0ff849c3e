import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { QUIET } from './shared-options.ts';

export interface ImageTagOptions {
  readonly quiet?: boolean;
}

export const imageTagCommand: CommandSpec = {
  name: 'tag',
  about: 'Give a cached image a further reference',
  positionals: [
    { name: 'SOURCE', about: 'Image reference', required: true },
    { name: 'TARGET', about: 'New image reference', required: true },
  ],
  options: [QUIET],
  run: typed<ImageTagOptions>(async ({ options, positionals: [source = '', target = ''] }) => {
    const { tagImage } = await import('../actions/index.ts');
    return tagImage(source, target, options);
  }),
};
