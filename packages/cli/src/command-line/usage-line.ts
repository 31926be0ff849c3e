import type { CommandSpec, OptionSpec, PositionalSpec } from './command-spec.ts';

/** `msb run [OPTIONS] [IMAGE] [-- <COMMAND>...]`. */
export function usageLine(path: string, spec: CommandSpec): string {
  const parts = [path, '[OPTIONS]', ...(spec.positionals ?? []).map(positionalLabel)];
  if (spec.subcommands !== undefined) parts.push('<COMMAND>');
  if (spec.trailing !== undefined) parts.push(`[-- <${spec.trailing.name}>...]`);
  return parts.join(' ');
}

/** `<NAME>` when it must be there, `[NAME]` when it may be. */
export function positionalLabel(positional: PositionalSpec): string {
  const label = positional.required ? `<${positional.name}>` : `[${positional.name}]`;
  return positional.variadic ? `${label}...` : label;
}

/** `--name <NAME>`, as errors name an option. */
export function optionLabel(option: OptionSpec): string {
  return option.value === undefined ? `--${option.long}` : `--${option.long} <${option.value}>`;
}
