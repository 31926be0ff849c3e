import type { CompletionNode } from './completion-table.ts';

/** A completion script for fish, with descriptions. */
export function fishCompletion(table: readonly CompletionNode[]): string {
  const lines = table.flatMap(({ path, subcommands, options }) => {
    const condition = `-n '${conditionOf(path, subcommands)}'`;
    return [
      ...subcommands.map(
        ({ name, about }) => `complete -c msb ${condition} -f -a ${name} -d ${quoted(about)}`,
      ),
      ...options.map(({ long, short, about, takesValue, choices }) => {
        const names = `-l ${long}${short === undefined ? '' : ` -s ${short}`}`;
        const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c msb ${condition} ${names}${value} -d ${quoted(about)}`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}

/** Every word of the path was given and, where more can follow, none of those. */
function conditionOf(path: string, subcommands: CompletionNode['subcommands']): string {
  const seen = path.split(' ').slice(1);
  const conditions = seen.map((word) => `__fish_seen_subcommand_from ${word}`);
  if (subcommands.length > 0) {
    conditions.push(`not __fish_seen_subcommand_from ${subcommands.map(({ name }) => name).join(' ')}`);
  }
  return conditions.length === 0 ? 'true' : conditions.join('; and ');
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
