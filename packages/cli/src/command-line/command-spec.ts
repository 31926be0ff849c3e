/** Headings of the top-level help, in its order. */
export const COMMAND_GROUPS = ['Sandboxes', 'Images', 'Volumes', 'Installation', 'Other'] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

/** One option. Its value reaches the command under the long name in camelCase. */
export interface OptionSpec {
  /** Without dashes: `no-tty`. */
  readonly long: string;
  /** Name under which the value reaches the command, where several options fill one list in their order. */
  readonly key?: string;
  /** One letter. */
  readonly short?: string;
  /** Placeholder of the value, upper case; an option without one is a flag. */
  readonly value?: string;
  readonly about: string;
  /** The command does not work without it. */
  readonly required?: boolean;
  /** May be given more than once; the command gets an array. */
  readonly repeatable?: boolean;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** Reads the value; an error it throws is a usage error (exit code 2). */
  readonly parse?: (text: string) => unknown;
  /** Long names of options that may not stand beside this one. */
  readonly conflicts?: readonly string[];
  /** Long name of an option without which this one means nothing. */
  readonly requires?: string;
  readonly hidden?: boolean;
}

export interface PositionalSpec {
  /** Upper case. */
  readonly name: string;
  readonly about: string;
  readonly required?: boolean;
  readonly variadic?: boolean;
}

/** A parsed command line, as a command gets it. */
export interface Invocation<Options = Readonly<Record<string, unknown>>> {
  /** `msb image list`. */
  readonly path: string;
  readonly positionals: readonly string[];
  readonly options: Options;
  /** What stood after `--`; null when there was no `--`. */
  readonly trailing: readonly string[] | null;
  /** Level of `--debug` and the like. */
  readonly logLevel: LogLevel | undefined;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One command: what it takes and what it does. Plain data, so that help and the tree need no parser. */
export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly about: string;
  readonly group?: CommandGroup;
  /** Left out of help and tree. */
  readonly hidden?: boolean;
  readonly positionals?: readonly PositionalSpec[];
  readonly options?: readonly OptionSpec[];
  /** What follows `--`, for commands that run something. */
  readonly trailing?: { readonly name: string; readonly about: string };
  readonly subcommands?: readonly CommandSpec[];
  /** Text under the options of the help. */
  readonly examples?: readonly string[];
  /** Checks that need more than one argument; throws `UsageError`. */
  readonly check?: (invocation: Invocation) => void;
  /** Does it; the number is the exit code. */
  readonly run?: (invocation: Invocation) => Promise<number>;
}

/**
 * Gives the options of a command their types: the parser guarantees what the option table says, and this is the one
 * place that says so to the compiler.
 */
export function typed<Options>(
  run: (invocation: Invocation<Options>) => Promise<number>,
): (invocation: Invocation) => Promise<number> {
  return (invocation) => run(invocation as Invocation<Options>);
}
