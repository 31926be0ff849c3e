import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { imageDfCommand } from './image-df.ts';
import { imageHistoryCommand } from './image-history.ts';
import { imageLoadCommand } from './image-load.ts';
import { imagePruneCommand } from './image-prune.ts';
import { imageSaveCommand } from './image-save.ts';
import { imageTagCommand } from './image-tag.ts';
import { FORMAT, QUIET } from './shared-options.ts';

export interface PullOptions {
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly insecure?: boolean;
  readonly caCerts?: string;
  readonly materialize?: 'layered' | 'flat' | 'all';
  readonly platform?: string;
  readonly format?: 'json';
}

export const imagePullCommand: CommandSpec = {
  name: 'pull',
  about: 'Pull an image from a registry',
  positionals: [{ name: 'REFERENCE', about: 'Image reference, such as alpine:3.21', required: true }],
  options: [
    { long: 'force', short: 'f', about: 'Pull even when the image is cached' },
    QUIET,
    { long: 'insecure', about: 'Use plain HTTP for this registry' },
    { long: 'ca-certs', value: 'PATH', about: 'PEM file with further certificates to trust' },
    {
      long: 'materialize',
      value: 'TARGET',
      about: 'What is made of the layers',
      choices: ['layered', 'flat', 'all'],
    },
    { long: 'platform', value: 'OS/ARCH', about: "Take another platform's image, such as linux/arm64" },
    { ...FORMAT, about: 'Print progress events as lines of JSON' },
  ],
  run: typed<PullOptions>(async ({ options, positionals: [reference = ''] }) => {
    const { pullImage } = await import('../actions/pull-image.ts');
    return pullImage(reference, options);
  }),
};

export interface ImageListOptions {
  readonly format?: 'json';
  readonly quiet?: boolean;
}

export const imageListCommand: CommandSpec = {
  name: 'list',
  aliases: ['ls'],
  about: 'List cached images, newest first',
  options: [FORMAT, { long: 'quiet', short: 'q', about: 'Only references' }],
  run: typed<ImageListOptions>(async ({ options }) => {
    const { listImages } = await import('../actions/index.ts');
    return listImages(options);
  }),
};

export interface ImageInspectOptions {
  readonly format?: 'json';
}

const imageInspectCommand: CommandSpec = {
  name: 'inspect',
  about: 'Show configuration and layers of a cached image',
  positionals: [{ name: 'REFERENCE', about: 'Image reference', required: true }],
  options: [FORMAT],
  run: typed<ImageInspectOptions>(async ({ options, positionals: [reference = ''] }) => {
    const { inspectImage } = await import('../actions/index.ts');
    return inspectImage(reference, options);
  }),
};

export interface ImageRemoveOptions {
  readonly force?: boolean;
  readonly quiet?: boolean;
}

export const imageRemoveCommand: CommandSpec = {
  name: 'remove',
  aliases: ['rm'],
  about: 'Remove cached images',
  positionals: [{ name: 'REFERENCES', about: 'Image references', required: true, variadic: true }],
  options: [{ long: 'force', short: 'f', about: 'Remove even when sandboxes use the image' }, QUIET],
  run: typed<ImageRemoveOptions>(async ({ options, positionals }) => {
    const { removeImages } = await import('../actions/index.ts');
    return removeImages(positionals, options);
  }),
};

export const imageCommand: CommandSpec = {
  name: 'image',
  about: 'Manage cached images',
  group: 'Images',
  subcommands: [
    imagePullCommand,
    imageListCommand,
    imageInspectCommand,
    imageHistoryCommand,
    imageLoadCommand,
    imageSaveCommand,
    imageTagCommand,
    imageRemoveCommand,
    imagePruneCommand,
    imageDfCommand,
  ],
};
