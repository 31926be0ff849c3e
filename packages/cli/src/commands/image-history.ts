import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface ImageHistoryOptions {
  readonly format?: 'json';
  readonly noTrunc?: boolean;
}

export const imageHistoryCommand: CommandSpec = {
  name: 'history',
  about: 'Show how a cached image was built, the last step first',
  positionals: [{ name: 'REFERENCE', about: 'Image reference', required: true }],
  options: [FORMAT, { long: 'no-trunc', about: 'Show whole commands' }],
  run: typed<ImageHistoryOptions>(async ({ options, positionals: [reference = ''] }) => {
    const { showImageHistory } = await import('../actions/index.ts');
    return showImageHistory(reference, options);
  }),
};
