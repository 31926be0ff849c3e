import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { FORMAT } from './shared-options.ts';

export interface MetricsOptions {
  readonly all?: boolean;
  readonly watch?: boolean;
  readonly follow?: boolean;
  readonly interval?: string;
  readonly sort?: MetricsOrder;
  readonly format?: 'json';
}

/** Columns that the table can be sorted by. */
const ORDERS = ['name', 'cpu', 'mem'] as const;
export type MetricsOrder = (typeof ORDERS)[number];

export const metricsCommand: CommandSpec = {
  name: 'metrics',
  aliases: ['stats'],
  about: 'Show what sandboxes use',
  group: 'Sandboxes',
  positionals: [{ name: 'NAME', about: 'Show this sandbox, whatever its state' }],
  options: [
    { long: 'all', short: 'a', about: 'Include sandboxes whose run is over' },
    { long: 'watch', short: 'w', about: 'Draw the table again and again', conflicts: ['follow', 'format'] },
    {
      long: 'follow',
      short: 'f',
      about: 'One JSON object a line for each sandbox, again and again',
      conflicts: ['watch', 'format'],
    },
    { long: 'interval', value: 'DURATION', about: 'Time between two looks [default: 1s]' },
    { long: 'sort', value: 'COLUMN', about: 'Order of the table', choices: ORDERS },
    FORMAT,
  ],
  run: typed<MetricsOptions>(async ({ options, positionals: [name] }) => {
    const { showMetrics } = await import('../actions/index.ts');
    return showMetrics(name, options);
  }),
};
