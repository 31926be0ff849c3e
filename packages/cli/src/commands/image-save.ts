import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { QUIET } from './shared-options.ts';

export interface ImageSaveOptions {
  readonly format?: 'docker' | 'oci';
  readonly output?: string;
  readonly quiet?: boolean;
}

export const imageSaveCommand: CommandSpec = {
  name: 'save',
  about: 'Save cached images to an archive',
  positionals: [{ name: 'REFERENCES', about: 'Image references', required: true, variadic: true }],
  options: [
    {
      long: 'format',
      value: 'FORMAT',
      about: 'Layout of the archive [default: docker]',
      choices: ['docker', 'oci'],
    },
    { long: 'output', short: 'o', value: 'PATH', about: 'Archive to write [default: standard output]' },
    QUIET,
  ],
  run: typed<ImageSaveOptions>(async ({ options, positionals }) => {
    const { saveImages } = await import('../actions/index.ts');
    return saveImages(positionals, options);
  }),
};
