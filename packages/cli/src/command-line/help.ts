import type { Paint } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { COMMAND_GROUPS, type CommandSpec, type OptionSpec } from './command-spec.ts';
import { GLOBAL_OPTIONS, HELP_OPTION, VERSION_OPTION } from './global-options.ts';
import { optionLabel, positionalLabel, usageLine } from './usage-line.ts';

type Row = readonly [label: string, about: string];

/** Help of one command: about, usage, arguments, options. */
export function commandHelp(path: string, spec: CommandSpec, paint: Paint): string {
  const blocks = [spec.about, usage(path, spec, paint)];
  if (spec.subcommands !== undefined) {
    blocks.push(section('Commands', spec.subcommands.filter(isVisible).map(commandRow), paint));
  }
  const positionals = (spec.positionals ?? []).map(
    (positional): Row => [positionalLabel(positional), positional.about],
  );
  if (spec.trailing !== undefined) positionals.push([`[${spec.trailing.name}]...`, spec.trailing.about]);
  if (positionals.length > 0) blocks.push(section('Arguments', positionals, paint));
  const options = [...(spec.options ?? []), ...GLOBAL_OPTIONS, HELP_OPTION].filter(
    (option) => !option.hidden,
  );
  blocks.push(section('Options', options.map(optionRow), paint));
  if (spec.examples !== undefined) {
    blocks.push(
      [paint('yellowBold', 'Examples:'), ...spec.examples.map((example) => `  ${example}`)].join('\n'),
    );
  }
  return `${blocks.join('\n\n')}\n`;
}

/** Top-level help, its commands in groups (spec: cli 1.4). */
export function groupedHelp(root: CommandSpec, paint: Paint): string {
  const commands = (root.subcommands ?? []).filter(isVisible);
  const width = Math.max(...commands.map((command) => command.name.length));
  const blocks = [root.about, usage(root.name, root, paint)];
  for (const group of COMMAND_GROUPS) {
    const rows = commands.filter((command) => command.group === group).map(commandRow);
    if (rows.length > 0) blocks.push(section(group, rows, paint, width));
  }
  const options = [...GLOBAL_OPTIONS, HELP_OPTION, VERSION_OPTION];
  blocks.push(section('Options', options.map(optionRow), paint));
  return `${blocks.join('\n\n')}\n`;
}

function usage(path: string, spec: CommandSpec, paint: Paint): string {
  return `${paint('yellowBold', 'Usage:')} ${paint('blueBold', usageLine(path, spec))}`;
}

function section(title: string, rows: readonly Row[], paint: Paint, minimum = 0): string {
  const width = Math.max(minimum, ...rows.map(([label]) => label.length));
  const lines = rows.map(([label, about]) =>
    `  ${paint('blueBold', padEnd(label, width))}  ${about}`.trimEnd(),
  );
  return [paint('yellowBold', `${title}:`), ...lines].join('\n');
}

function commandRow(spec: CommandSpec): Row {
  const aliases = spec.aliases === undefined ? '' : ` [aliases: ${spec.aliases.join(', ')}]`;
  return [spec.name, `${spec.about}${aliases}`];
}

function optionRow(option: OptionSpec): Row {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const choices = option.choices === undefined ? '' : ` [possible values: ${option.choices.join(', ')}]`;
  return [`${short}${optionLabel(option)}`, `${option.about}${choices}`];
}

function isVisible(spec: CommandSpec): boolean {
  return !spec.hidden;
}
