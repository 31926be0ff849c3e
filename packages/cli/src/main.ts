import { findCommand } from './command-line/find-command.ts';
import { GLOBAL_OPTIONS } from './command-line/global-options.ts';
import { parseArguments } from './command-line/parse-arguments.ts';
import { printInformation, printMissingSubcommand } from './command-line/print-information.ts';
import { isUsageError } from './command-line/usage-error.ts';
import { ROOT_COMMAND } from './commands/root.ts';
import { printUsageError } from './errors/print-usage-error.ts';

const HELP_FLAGS: ReadonlySet<string> = new Set(['-h', '--help']);
const GLOBAL_FLAGS: ReadonlySet<string> = new Set(GLOBAL_OPTIONS.map((option) => `--${option.long}`));

/** The whole command: runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exit(await runCommandLine(argv));
}

/** Runs one command line and returns its exit code. */
async function runCommandLine(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--');
  // What stands behind `--` belongs to the guest's command.
  const own = end === -1 ? argv : argv.slice(0, end);
  try {
    const wanted = informationWanted(argv, own);
    if (wanted === null) return await runCommand(argv);
    return printInformation(wanted, own);
  } catch (error) {
    if (isUsageError(error)) return printUsageError(error);
    const { renderError } = await import('./errors/render-error.ts');
    return renderError(error, own.includes('--debug') || own.includes('--trace'));
  }
}

/** What is answered without running a command (spec: cli 1.1). */
function informationWanted(
  argv: readonly string[],
  own: readonly string[],
): 'tree' | 'grouped-help' | 'help' | 'version' | null {
  if (own.includes('--tree')) return 'tree';
  const helps = own.some((argument) => HELP_FLAGS.has(argument));
  const onlyFlags = own.every((argument) => HELP_FLAGS.has(argument) || GLOBAL_FLAGS.has(argument));
  if (argv.length === 0 || (helps && onlyFlags)) return 'grouped-help';
  if (helps || own[0] === 'help') return 'help';
  return own[0] === '-V' || own[0] === '--version' ? 'version' : null;
}

async function runCommand(argv: readonly string[]): Promise<number> {
  const { spec, path, rest } = findCommand(ROOT_COMMAND, argv);
  const invocation = await parseArguments(spec, path, rest);
  if (spec.run !== undefined) return await spec.run(invocation);
  return printMissingSubcommand(path, spec);
}
