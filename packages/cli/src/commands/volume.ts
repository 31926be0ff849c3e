import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT, QUIET } from './shared-options.ts';

export interface VolumeCreateOptions {
  readonly name?: string;
  readonly kind?: 'dir' | 'disk';
  readonly size?: string;
  readonly quota?: string;
  readonly label?: readonly string[];
  readonly quiet?: boolean;
}

export interface VolumeListOptions {
  readonly format?: 'json';
  readonly quiet?: boolean;
}

export interface VolumeRemoveOptions {
  readonly quiet?: boolean;
}

const createCommand: CommandSpec = {
  name: 'create',
  about: 'Make a volume',
  positionals: [{ name: 'NAME', about: 'Name of the volume' }],
  options: [
    { long: 'name', value: 'NAME', about: 'The same as NAME' },
    { long: 'kind', value: 'KIND', about: 'A folder or a disk [default: dir]', choices: ['dir', 'disk'] },
    { long: 'size', value: 'SIZE', about: 'Size of a disk, such as 512M or 10G' },
    { long: 'quota', value: 'SIZE', about: 'Most that a folder may hold' },
    { long: 'label', value: 'KEY[=VALUE]', about: 'Label (repeatable)', repeatable: true },
    { long: 'quiet', short: 'q', about: 'Print nothing' },
  ],
  run: typed<VolumeCreateOptions>(async ({ options, positionals: [name] }) => {
    const { createVolume } = await import('../actions/index.ts');
    return createVolume(name, options);
  }),
};

/** Also `msb volumes`. */
export const volumeListCommand: CommandSpec = {
  name: 'list',
  aliases: ['ls'],
  about: 'List volumes, newest first',
  options: [FORMAT, { long: 'quiet', short: 'q', about: 'Only names' }],
  run: typed<VolumeListOptions>(async ({ options }) => {
    const { listVolumes } = await import('../actions/index.ts');
    return listVolumes(options);
  }),
};

const inspectCommand: CommandSpec = {
  name: 'inspect',
  about: 'Show everything about a volume',
  positionals: [{ name: 'NAME', about: 'Name of the volume', required: true }],
  run: async ({ positionals: [name = ''] }) => {
    const { inspectVolume } = await import('../actions/index.ts');
    return inspectVolume(name);
  },
};

const removeCommand: CommandSpec = {
  name: 'remove',
  aliases: ['rm'],
  about: 'Remove volumes with everything in them',
  positionals: [{ name: 'NAME', about: 'Names of volumes', required: true, variadic: true }],
  options: [QUIET],
  run: typed<VolumeRemoveOptions>(async ({ options, positionals }) => {
    const { removeVolumes } = await import('../actions/index.ts');
    return removeVolumes(positionals, options);
  }),
};

export const volumeCommand: CommandSpec = {
  name: 'volume',
  aliases: ['vol'],
  about: 'Folders and disks that outlive sandboxes',
  group: 'Volumes',
  subcommands: [createCommand, volumeListCommand, inspectCommand, removeCommand],
};
