import { ROOT_COMMAND } from '../commands/root.ts';
import { paintErr, paintOut } from '../output/colour.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { VERSION } from '../version.ts';
import type { CommandSpec } from './command-spec.ts';
import { renderCommandTree } from './command-tree.ts';
import { findCommand } from './find-command.ts';
import { commandHelp, groupedHelp } from './help.ts';

/** Prints the tree, help or version on standard output; the exit code is 0. */
export function printInformation(
  wanted: 'tree' | 'grouped-help' | 'help' | 'version',
  argv: readonly string[],
): number {
  if (wanted === 'tree') writeOut(renderCommandTree(ROOT_COMMAND, argv, paintOut));
  if (wanted === 'grouped-help') writeOut(groupedHelp(ROOT_COMMAND, paintOut));
  if (wanted === 'version') writeOut(`msb ${VERSION}\n`);
  if (wanted === 'help') {
    const words = argv.filter((argument) => !argument.startsWith('-'));
    const { path, spec } = findCommand(ROOT_COMMAND, words[0] === 'help' ? words.slice(1) : words);
    writeOut(spec === ROOT_COMMAND ? groupedHelp(ROOT_COMMAND, paintOut) : commandHelp(path, spec, paintOut));
  }
  return 0;
}

/** `msb image` without more: its help on standard error, exit code 2. */
export function printMissingSubcommand(path: string, spec: CommandSpec): number {
  writeErr(commandHelp(path, spec, paintErr));
  return 2;
}
