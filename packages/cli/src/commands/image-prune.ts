import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT, QUIET } from './shared-options.ts';

export interface ImagePruneOptions {
  readonly yes?: boolean;
  readonly format?: 'json';
  readonly quiet?: boolean;
}

export const imagePruneCommand: CommandSpec = {
  name: 'prune',
  about: 'Remove all cached images that no sandbox uses',
  options: [{ long: 'yes', short: 'y', about: 'Do not ask' }, FORMAT, QUIET],
  run: typed<ImagePruneOptions>(async ({ options }) => {
    const { pruneImages } = await import('../actions/index.ts');
    return pruneImages(options);
  }),
};
