import type { CommandSpec } from '../command-line/command-spec.ts';

/** Only its place in lists; `msb help` is answered before commands are looked up. */
export const helpCommand: CommandSpec = {
  name: 'help',
  about: 'Print help of a command',
  group: 'Other',
  positionals: [{ name: 'COMMAND', about: 'Command to explain', variadic: true }],
};
