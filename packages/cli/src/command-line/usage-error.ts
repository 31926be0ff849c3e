/** A mistake in the command line itself: exit code 2, with the usage line of the command. */
export class UsageError extends Error {
  /** Lines between message and usage, such as the names of missing arguments. */
  readonly details: readonly string[];
  /** `did you mean` lines. */
  readonly tip: string | undefined;
  /** Usage line of the command that was meant. */
  usage: string | undefined;

  constructor(
    message: string,
    options: { readonly details?: readonly string[]; readonly tip?: string } = {},
  ) {
    super(message);
    this.name = 'UsageError';
    this.details = options.details ?? [];
    this.tip = options.tip;
  }
}

/** Whether it is a {@link UsageError}, also one of another file of the built command, which has a class of its own. */
export function isUsageError(error: unknown): error is UsageError {
  return error instanceof Error && error.name === 'UsageError';
}
