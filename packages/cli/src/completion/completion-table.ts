import type { CommandSpec } from '../command-line/command-spec.ts';
import { GLOBAL_OPTIONS, HELP_OPTION } from '../command-line/global-options.ts';

/** What can follow one command on the command line. */
export interface CompletionNode {
  /** `msb image list`; a command with aliases has a node for each. */
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly {
    readonly long: string;
    readonly short: string | undefined;
    readonly about: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
}

/** One node for each visible command, parents first. */
export function completionTable(spec: CommandSpec, path: string = spec.name): CompletionNode[] {
  const children = (spec.subcommands ?? []).filter((child) => !child.hidden);
  const named = children.flatMap((child) =>
    [child.name, ...(child.aliases ?? [])].map((name) => ({ name, child })),
  );
  const options = [...(spec.options ?? []), ...GLOBAL_OPTIONS, HELP_OPTION].filter(
    (option) => !option.hidden,
  );
  const node: CompletionNode = {
    path,
    subcommands: named.map(({ name, child }) => ({ name, about: child.about })),
    options: options.map(({ long, short, about, value, choices = [] }) => ({
      long,
      short,
      about,
      takesValue: value !== undefined,
      choices,
    })),
  };
  return [node, ...named.flatMap(({ name, child }) => completionTable(child, `${path} ${name}`))];
}
