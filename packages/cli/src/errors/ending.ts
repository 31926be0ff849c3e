/**
 * Ends the command without a word and with this exit code: the reader of our output went away, or the user
 * interrupted.
 */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.name = 'Ending';
    this.exitCode = exitCode;
  }
}

/** Whether it is an {@link Ending}, also one of another file of the built command, which has a class of its own. */
export function isEnding(error: unknown): error is Ending {
  return error instanceof Error && error.name === 'Ending';
}

/** The ending of a command whose output nobody reads any more. */
export function closedPipe(): Ending {
  return new Ending('output closed', 0);
}
