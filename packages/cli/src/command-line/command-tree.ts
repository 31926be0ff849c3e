import type { Paint, Style } from '../output/colour.ts';
import type { CommandSpec } from './command-spec.ts';
import { subcommand } from './find-command.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { optionLabel } from './usage-line.ts';

/** One line of the tree before its column width is known. */
interface Line {
  readonly prefix: string;
  readonly label: string;
  readonly about: string;
  readonly style: Style;
}

/** Colours of subcommands by depth. */
const DEPTH_STYLES: readonly Style[] = ['magenta', 'blue', 'green', 'cyan'];

/**
 * The tree of the deepest visible command named in `argv` (spec: cli 1.5): positionals, flags, subcommands.
 */
export function renderCommandTree(root: CommandSpec, argv: readonly string[], paint: Paint): string {
  let spec = root;
  let label = root.name;
  for (const word of argv) {
    const next = word.startsWith('-') ? undefined : subcommand(spec, word);
    if (next === undefined || next.hidden) continue;
    spec = next;
    label = `${label} ${word}`;
  }
  const lines = childLines(spec, '', spec === root, 0);
  const width = Math.max(0, ...lines.map((line) => line.prefix.length + line.label.length)) + 2;
  const body = lines.map(({ prefix, label: name, about, style }) => {
    const padding = ' '.repeat(width - prefix.length - name.length);
    return `${paint('dim', prefix)}${paint(style, name)}${padding}${about}`.trimEnd();
  });
  return `${[paint('yellowBold', label), ...body].join('\n')}\n`;
}

function childLines(spec: CommandSpec, indent: string, isRoot: boolean, depth: number): Line[] {
  const nodes = [
    ...leaves(spec, isRoot).map((leaf) => ({ ...leaf, children: undefined })),
    ...(spec.subcommands ?? [])
      .filter((child) => !child.hidden)
      .map((child) => ({
        label:
          child.aliases === undefined ? child.name : `${child.name} (aliases: ${child.aliases.join(', ')})`,
        about: child.about,
        style: DEPTH_STYLES[depth % DEPTH_STYLES.length] ?? ('blue' as const),
        children: child,
      })),
  ];
  return nodes.flatMap(({ label, about, style, children }, index) => {
    const last = index === nodes.length - 1;
    const line = { prefix: `${indent}${last ? '└── ' : '├── '}`, label, about, style };
    if (children === undefined) return [line];
    return [line, ...childLines(children, `${indent}${last ? '    ' : '│   '}`, false, depth + 1)];
  });
}

function leaves(spec: CommandSpec, isRoot: boolean): Omit<Line, 'prefix'>[] {
  const style = 'dim' as const;
  const positionals = (spec.positionals ?? []).map(({ name, required, about }) => ({
    label: required ? `<${name}>` : `[${name}]`,
    about,
    style,
  }));
  if (spec.trailing !== undefined) {
    positionals.push({ label: `[-- ${spec.trailing.name}...]`, about: spec.trailing.about, style });
  }
  const options = [...(spec.options ?? []), ...(isRoot ? GLOBAL_OPTIONS : [])]
    .filter((option) => !option.hidden && option.long !== 'tree')
    .map((option) => ({
      label: `${option.short === undefined ? '' : `-${option.short}, `}${optionLabel(option)}`,
      about: option.about,
      style,
    }));
  return [...positionals, ...options];
}
