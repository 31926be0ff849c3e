import { type CommandSpec, type Invocation, LOG_LEVELS, type OptionSpec } from './command-spec.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { optionKey } from './option-key.ts';
import type { SeenOption, SplitArguments } from './split-arguments.ts';
import { isUsageError, UsageError } from './usage-error.ts';
import { optionLabel, positionalLabel, usageLine } from './usage-line.ts';

/**
 * Reads the arguments of one command and checks what may stand together; the texts and rules are those of the
 * reference command (spec: cli 13).
 *
 * @throws UsageError
 */
export async function parseArguments(
  spec: CommandSpec,
  path: string,
  argv: readonly string[],
): Promise<Invocation> {
  try {
    const { own, trailing } = splitTrailing(spec, argv);
    const { words, options } = await split([...(spec.options ?? []), ...GLOBAL_OPTIONS], own);
    const values = optionValues(options);
    checkRequired(spec, words, values);
    const logLevel = LOG_LEVELS.find((level) => values[level] === true);
    const invocation: Invocation = { path, positionals: words, options: values, trailing, logLevel };
    spec.check?.(invocation);
    return invocation;
  } catch (error) {
    if (isUsageError(error)) error.usage ??= usageLine(path, spec);
    throw error;
  }
}

/** Only commands with a trailing part treat `--` as its start; for others it just ends the options. */
function splitTrailing(spec: CommandSpec, argv: readonly string[]) {
  const end = spec.trailing === undefined ? -1 : argv.indexOf('--');
  return end === -1
    ? { own: argv, trailing: null }
    : { own: argv.slice(0, end), trailing: argv.slice(end + 1) };
}

/** Without arguments there is nothing to split, and commander need not be loaded. */
async function split(options: readonly OptionSpec[], argv: readonly string[]): Promise<SplitArguments> {
  if (argv.length === 0) return { words: [], options: [] };
  const { splitArguments } = await import('./split-arguments.ts');
  return splitArguments(options, argv);
}

/** Values by name in camelCase; those of repeatable options in arrays. */
function optionValues(seen: readonly SeenOption[]): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const { option, text } of seen) {
    const name = option.key ?? optionKey(option.long);
    const value = option.value === undefined ? true : readValue(option, text ?? '');
    const conflict = seen.find(({ option: other }) => option.conflicts?.includes(other.long));
    if (conflict !== undefined) {
      throw new UsageError(
        `the argument '${optionLabel(option)}' cannot be used with '${optionLabel(conflict.option)}'`,
      );
    }
    if (option.repeatable) {
      values[name] = [...((values[name] as unknown[] | undefined) ?? []), value];
    } else if (name in values) {
      throw new UsageError(`the argument '${optionLabel(option)}' cannot be used multiple times`);
    } else {
      values[name] = value;
    }
  }
  return values;
}

function readValue(option: OptionSpec, text: string): unknown {
  if (option.choices !== undefined && !option.choices.includes(text)) {
    throw new UsageError(`invalid value '${text}' for '${optionLabel(option)}'`, {
      details: [`[possible values: ${option.choices.join(', ')}]`],
    });
  }
  try {
    return option.parse === undefined ? text : option.parse(text);
  } catch (error) {
    throw new UsageError(`invalid value '${text}' for '${optionLabel(option)}': ${(error as Error).message}`);
  }
}

function checkRequired(
  spec: CommandSpec,
  words: readonly string[],
  values: Readonly<Record<string, unknown>>,
): void {
  const positionals = spec.positionals ?? [];
  const takesMore = positionals.some((positional) => positional.variadic);
  const extra = takesMore ? undefined : words[positionals.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument '${extra}' found`);
  const options = (spec.options ?? []).filter(
    ({ long, required }) => required && !(optionKey(long) in values),
  );
  const needed = new Set(
    (spec.options ?? []).filter(({ long }) => optionKey(long) in values).map(({ requires }) => requires),
  );
  const wanted = (spec.options ?? []).filter(({ long }) => needed.has(long) && !(optionKey(long) in values));
  const missing = [
    ...[...options, ...wanted].map((option) => optionLabel(option)),
    ...positionals
      .slice(words.length)
      .filter(({ required }) => required)
      .map(positionalLabel),
  ];
  if (missing.length === 0) return;
  throw new UsageError('the following required arguments were not provided:', {
    details: missing,
  });
}
