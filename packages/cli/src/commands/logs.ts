import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { integerUpTo } from '../values/integer.ts';

export interface LogsOptions {
  readonly tail?: number;
  readonly since?: string;
  readonly until?: string;
  readonly follow?: boolean;
  readonly timestamps?: boolean;
  readonly source?: readonly string[];
  readonly grep?: string;
  readonly json?: boolean;
  readonly color?: 'auto' | 'always' | 'never';
  readonly noColor?: boolean;
  readonly showId?: boolean;
  readonly colorSessions?: boolean;
}

export const logsCommand: CommandSpec = {
  name: 'logs',
  about: 'Show what the commands of a sandbox wrote',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Sandbox name', required: true }],
  options: [
    { long: 'tail', value: 'N', about: 'Only the last N entries', parse: integerUpTo(0xffff_ffff) },
    { long: 'since', value: 'TIME', about: 'Not before: RFC 3339, or an age such as 5m' },
    { long: 'until', value: 'TIME', about: 'Before: RFC 3339, or an age such as 5m' },
    { long: 'follow', short: 'f', about: 'Go on until the sandbox stops' },
    { long: 'timestamps', about: 'Show when each entry was written' },
    {
      long: 'source',
      value: 'SOURCE',
      about: 'stdout, stderr, output, system or all; repeat or separate by commas',
      repeatable: true,
    },
    { long: 'grep', value: 'REGEX', about: 'Only entries that match' },
    { long: 'json', about: 'One JSON object a line' },
    {
      long: 'color',
      value: 'WHEN',
      about: 'Colours of the programs themselves',
      choices: ['auto', 'always', 'never'],
      conflicts: ['no-color'],
    },
    { long: 'no-color', about: 'Same as --color never', conflicts: ['color'] },
    { long: 'show-id', about: 'Show the session of each entry' },
    { long: 'color-sessions', about: 'Colour entries by session' },
  ],
  run: typed<LogsOptions>(async ({ options, positionals: [name = ''] }) => {
    const { showLogs } = await import('../actions/index.ts');
    return showLogs(name, options);
  }),
};
