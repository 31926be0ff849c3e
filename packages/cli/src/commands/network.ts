import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface NetworkLogOptions {
  readonly follow?: boolean;
  readonly denied?: boolean;
  readonly since?: string;
  readonly format?: 'json';
}

const logCommand: CommandSpec = {
  name: 'log',
  about: 'Show what the network policy of a sandbox allowed and refused',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  options: [
    { long: 'follow', short: 'f', about: 'Go on until the sandbox stops' },
    { long: 'denied', about: 'Only what was refused' },
    { long: 'since', value: 'TIME', about: 'Not before: RFC 3339, or an age such as 5m' },
    FORMAT,
  ],
  run: typed<NetworkLogOptions>(async ({ options, positionals: [name = ''] }) => {
    const { showNetworkLog } = await import('../actions/index.ts');
    return showNetworkLog(name, options);
  }),
};

export const networkCommand: CommandSpec = {
  name: 'network',
  aliases: ['net'],
  about: 'See what sandboxes do on the network',
  group: 'Sandboxes',
  subcommands: [logCommand],
};
