import { relative, resolve } from 'node:path';
import { codeBlocks, documents } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import { ROOT_COMMAND } from '../commands/root.ts';
import type { CommandSpec } from './command-spec.ts';
import { findCommand } from './find-command.ts';
import { parseArguments } from './parse-arguments.ts';

const root = resolve(import.meta.dirname, '../../../..');

/** Words of a shell, quotes removed, or what separates commands and leads their output elsewhere. */
const TOKEN = /\s+|#.*|(?<operator>&&|\|\||[|;&<>\n])|(?<word>(?:'[^']*'|"[^"]*"|\\.|[^\s'"|;&<>\\])+)/gy;

/** The commands of a shell script, as their words; enough of a shell for what documentation shows. */
function shellCommands(script: string): string[][] {
  const commands: string[][] = [[]];
  let target = false;
  for (const { groups } of script.replaceAll('\\\n', ' ').replaceAll('\n', '\n;').matchAll(TOKEN)) {
    const { operator, word } = groups ?? {};
    if (operator === '<' || operator === '>') target = true;
    else if (operator !== undefined) commands.push([]);
    else if (word !== undefined && !target)
      commands.at(-1)?.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
    else if (word !== undefined) target = false;
  }
  return commands.filter((words) => words.length > 0);
}

/** The arguments of every `msb` in a script. */
function msbCommands(script: string): string[][] {
  return shellCommands(script).flatMap((words) => {
    const start = words.findIndex((word) => !/^\w+=/.test(word));
    return words[start] === 'msb' ? [words.slice(start + 1)] : [];
  });
}

async function accept(argv: readonly string[]): Promise<void> {
  if (argv[0] === 'help' || argv[0] === '--tree') return;
  const { spec, path, rest } = findCommand(ROOT_COMMAND, argv);
  await parseArguments(spec, path, rest);
  expect(spec.run, path).toBeDefined();
}

function examplesOf(spec: CommandSpec): string[] {
  return [...(spec.examples ?? []), ...(spec.subcommands ?? []).flatMap(examplesOf)];
}

it('a script is taken apart as a shell would', () => {
  const script = `A=1 msb run x -- sh -c 'a; b' | msb load; msb stop "w b" \\\n  -q  # msb no\necho msb > msb; msb ls`;
  expect(msbCommands(script)).toEqual([
    ['run', 'x', '--', 'sh', '-c', 'a; b'],
    ['load'],
    ['stop', 'w b', '-q'],
    ['ls'],
  ]);
});

describe('commands that are shown are understood', async () => {
  for (const file of await documents()) {
    const commands = (await codeBlocks(file, 'sh')).flatMap(({ code }) => msbCommands(code));
    if (commands.length === 0) continue;
    it.each(
      commands.map((argv) => argv.join(' ')).map((text, index) => [text, commands[index] ?? []] as const),
    )(`${relative(root, file)}: %s`, (_, argv) => accept(argv));
  }
  const examples = msbCommands(examplesOf(ROOT_COMMAND).join('\n'));
  it.each(examples.map((argv) => [argv.join(' '), argv] as const))('help: %s', (_, argv) => accept(argv));
});
