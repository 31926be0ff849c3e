import { ROOT_COMMAND } from '../commands/root.ts';
import { writeOut } from '../output/write.ts';
import { bashCompletion, zshCompletion } from './bash-completion.ts';
import { completionTable } from './completion-table.ts';
import { fishCompletion } from './fish-completion.ts';

const SCRIPTS = { bash: bashCompletion, fish: fishCompletion, zsh: zshCompletion };

/** `msb completion` (spec: cli 10.2). */
export function printCompletion(shell: string): number {
  writeOut(SCRIPTS[shell as keyof typeof SCRIPTS](completionTable(ROOT_COMMAND)));
  return 0;
}
