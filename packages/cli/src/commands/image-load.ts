import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { QUIET } from './shared-options.ts';

export interface ImageLoadOptions {
  readonly input?: string;
  readonly tag?: readonly string[];
  readonly quiet?: boolean;
}

export const imageLoadCommand: CommandSpec = {
  name: 'load',
  about: 'Load images from an archive that docker save, podman or skopeo wrote',
  options: [
    { long: 'input', short: 'i', value: 'PATH', about: 'Archive [default: standard input]' },
    {
      long: 'tag',
      short: 't',
      value: 'REF',
      about: 'Further reference of the first image',
      repeatable: true,
    },
    QUIET,
  ],
  run: typed<ImageLoadOptions>(async ({ options }) => {
    const { loadImages } = await import('../actions/index.ts');
    return loadImages(options);
  }),
};
