import type { CommandSpec } from './command-spec.ts';
import { similar } from './similar.ts';
import { UsageError } from './usage-error.ts';
import { usageLine } from './usage-line.ts';

/** A command found in argv and the arguments that are left for it. */
export interface FoundCommand {
  readonly spec: CommandSpec;
  /** Names as typed, `msb` first. */
  readonly path: string;
  /** Arguments without the command's names. */
  readonly rest: readonly string[];
}

/**
 * Walks the tree along the words of `argv`; flags in front of a command's name (global ones) stay in `rest`.
 *
 * @throws UsageError for a word that names no command
 */
export function findCommand(root: CommandSpec, argv: readonly string[]): FoundCommand {
  let spec = root;
  let path = root.name;
  let rest = argv;
  while (spec.subcommands !== undefined) {
    const at = rest.findIndex((argument) => !argument.startsWith('-'));
    const end = rest.indexOf('--');
    if (at === -1 || (end !== -1 && end < at)) break;
    const word = rest[at] ?? '';
    const next = subcommand(spec, word);
    if (next === undefined) {
      // A command that also works by itself may have options with values, which look like words.
      if (spec.run !== undefined) break;
      throw unknownCommand(path, spec, word);
    }
    spec = next;
    path = `${path} ${word}`;
    rest = [...rest.slice(0, at), ...rest.slice(at + 1)];
  }
  return { spec, path, rest };
}

/** The command called `word` under `spec`, by name or alias. */
export function subcommand(spec: CommandSpec, word: string): CommandSpec | undefined {
  return spec.subcommands?.find((candidate) => candidate.name === word || candidate.aliases?.includes(word));
}

function unknownCommand(path: string, spec: CommandSpec, word: string): UsageError {
  const names = (spec.subcommands ?? [])
    .filter((candidate) => !candidate.hidden)
    .flatMap((candidate) => [candidate.name, ...(candidate.aliases ?? [])]);
  const close = similar(word, names);
  const error = new UsageError(
    `unrecognized subcommand '${word}'`,
    close === undefined ? {} : { tip: `a similar subcommand exists: '${close}'` },
  );
  error.usage = usageLine(path, spec);
  return error;
}
