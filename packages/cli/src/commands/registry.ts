import { type CommandSpec, typed } from '../command-line/command-spec.ts';

export interface RegistryLoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly store?: 'keyring' | 'file';
}

const REGISTRY = { name: 'REGISTRY', about: 'Host of the registry, such as docker.io', required: true };

const loginCommand: CommandSpec = {
  name: 'login',
  about: 'Remember credentials of a registry',
  positionals: [REGISTRY],
  options: [
    { long: 'username', short: 'u', value: 'USER', about: 'User name', required: true },
    { long: 'password-stdin', about: 'Read the password or token from standard input' },
    {
      long: 'store',
      value: 'STORE',
      about: "Where to keep it: the system's keyring, or a file only you can read [default: keyring]",
      choices: ['keyring', 'file'],
    },
  ],
  run: typed<RegistryLoginOptions>(async ({ options, positionals: [registry = ''] }) => {
    const { loginToRegistry } = await import('../actions/index.ts');
    return loginToRegistry(registry, options);
  }),
};

const logoutCommand: CommandSpec = {
  name: 'logout',
  about: 'Forget credentials of a registry',
  positionals: [REGISTRY],
  run: async ({ positionals: [registry = ''] }) => {
    const { logoutFromRegistry } = await import('../actions/index.ts');
    return logoutFromRegistry(registry);
  },
};

export const registryListCommand: CommandSpec = {
  name: 'list',
  aliases: ['ls'],
  about: 'List registries with credentials',
  run: async () => {
    const { listRegistries } = await import('../actions/index.ts');
    return listRegistries();
  },
};

export const registryCommand: CommandSpec = {
  name: 'registry',
  about: 'Manage registry credentials',
  group: 'Images',
  subcommands: [loginCommand, logoutCommand, registryListCommand],
};
