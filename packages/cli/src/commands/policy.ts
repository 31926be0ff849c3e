import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { NETWORK_OPTIONS, type NetworkOptions } from './network-options.ts';
import { FORMAT } from './shared-options.ts';

export interface PolicyCheckOptions extends NetworkOptions {
  readonly format?: 'json';
}

const checkCommand: CommandSpec = {
  name: 'check',
  about: 'Say what a network policy does with a destination, and why',
  positionals: [
    { name: 'NAME', about: "Sandbox whose policy is asked; options' or the default policy without it" },
    { name: 'DEST', about: 'HOST[:PORT[/PROTO]]: a name, an address, or [IPv6] [default: port 443, tcp]' },
  ],
  options: [
    ...NETWORK_OPTIONS.filter(({ long }) => long === 'no-net' || /^net(-rule|-default.*)?$/.test(long)),
    FORMAT,
  ],
  run: typed<PolicyCheckOptions>(async ({ options, positionals }) => {
    const { checkPolicy } = await import('../actions/index.ts');
    return checkPolicy(positionals, options);
  }),
};

const learnCommand: CommandSpec = {
  name: 'learn',
  about: 'Print the policy options that allow what the last run of a sandbox needed, and nothing else',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  run: async ({ positionals: [name = ''] }) => {
    const { learnPolicy } = await import('../actions/index.ts');
    return learnPolicy(name);
  },
};

export const policyCommand: CommandSpec = {
  name: 'policy',
  about: 'Try and learn network policies',
  group: 'Sandboxes',
  subcommands: [checkCommand, learnCommand],
};
