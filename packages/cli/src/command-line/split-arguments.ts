import { Command, CommanderError, Option } from 'commander';
import type { OptionSpec } from './command-spec.ts';
import { UsageError } from './usage-error.ts';
import { optionLabel } from './usage-line.ts';

/** An option as it stood in argv; flags have no text. */
export interface SeenOption {
  readonly option: OptionSpec;
  readonly text: string | undefined;
}

/** Arguments told apart. */
export interface SplitArguments {
  readonly words: readonly string[];
  /** In the order of argv. */
  readonly options: readonly SeenOption[];
}

/**
 * Tells options, their values and words apart. What they mean is not looked at.
 *
 * @throws UsageError for an option there is not, or one without its value
 */
export function splitArguments(options: readonly OptionSpec[], argv: readonly string[]): SplitArguments {
  const seen: SeenOption[] = [];
  const parser = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpOption(false);
  parser.argument('[words...]').allowExcessArguments();
  for (const option of options) {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    parser.addOption(new Option(`${short}${optionLabel(option)}`));
    parser.on(`option:${option.long}`, (text?: string) => seen.push({ option, text }));
  }
  try {
    return { words: parser.parse([...argv], { from: 'user' }).args, options: seen };
  } catch (error) {
    throw error instanceof CommanderError ? usageErrorOf(error) : error;
  }
}

/** commander's errors, said the way the reference command says them. */
function usageErrorOf(error: CommanderError): UsageError {
  const unknown = /unknown option '([^']*)'(?:\s*\(Did you mean ([^)?]*)\?\))?/.exec(error.message);
  if (unknown !== null) {
    const [, flag = '', close] = unknown;
    const tip = close === undefined ? {} : { tip: `a similar argument exists: '${close}'` };
    return new UsageError(`unexpected argument '${flag.split('=')[0]}' found`, tip);
  }
  const valueless = /option '(?:-\w, )?([^']*)' argument missing/.exec(error.message);
  if (valueless !== null) {
    return new UsageError(`a value is required for '${valueless[1]}' but none was supplied`);
  }
  return new UsageError(error.message.replace(/^error: /, ''));
}
