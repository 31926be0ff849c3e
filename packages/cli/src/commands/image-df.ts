import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface ImageDfOptions {
  readonly format?: 'json';
}

export const imageDfCommand: CommandSpec = {
  name: 'df',
  about: 'Show what images and templates take on the disk',
  options: [FORMAT],
  run: typed<ImageDfOptions>(async ({ options }) => {
    const { showDiskUsage } = await import('../actions/index.ts');
    return showDiskUsage(options);
  }),
};
