import type { CompletionNode } from './completion-table.ts';

/** A completion script for bash. */
export function bashCompletion(table: readonly CompletionNode[]): string {
  const steps = table
    .filter(({ path }) => path.includes(' '))
    .map(({ path }) => `      "${path}") path="${path}" ;;`);
  const words = table.map(({ path, subcommands, options }) => {
    const all = [...subcommands.map(({ name }) => name), ...options.map(({ long }) => `--${long}`)];
    return `    "${path}") words="${all.join(' ')}" ;;`;
  });
  return `_msb() {
  local path=msb word words cur="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${steps.join('\n')}
      *" --") COMPREPLY=(); return ;;
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _msb msb
`;
}

/** The same for zsh, which understands it. */
export function zshCompletion(table: readonly CompletionNode[]): string {
  return `#compdef msb
autoload -U +X bashcompinit && bashcompinit
${bashCompletion(table)}`;
}
