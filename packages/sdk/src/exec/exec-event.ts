import type { ExecFailure } from '@microsandbox/types';

/** What happens while a program runs, in order. `exited` and `failed` are the last. */
export type ExecEvent =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'stdout'; readonly data: Uint8Array }
  | { readonly kind: 'stderr'; readonly data: Uint8Array }
  /** `code` is -1 after a signal, whose number is then told. */
  | { readonly kind: 'exited'; readonly code: number; readonly signal: number | null }
  /** The program never ran. */
  | { readonly kind: 'failed'; readonly failure: ExecFailure }
  /** What was written could not be handed to the program, for instance because it closed its input. */
  | { readonly kind: 'stdinError'; readonly message: string };
