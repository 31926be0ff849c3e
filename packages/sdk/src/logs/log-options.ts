/** Where a log entry came from; `output` is a terminal's joined output, `system` the sandbox itself. */
export type LogSource = 'stdout' | 'stderr' | 'output' | 'system';

/** What can be asked for: a source, or all of them. */
export type LogReadSource = LogSource | 'all';

/** Which entries a reading returns. */
export interface LogReadOptions {
  /** Only the last so many. */
  readonly tail?: number;
  /** Not before this time. */
  readonly since?: Date;
  /** Before this time. */
  readonly until?: Date;
  /** Standard output, standard error and terminal output when not given. */
  readonly sources?: readonly LogReadSource[];
}

/** Which entries a stream yields. */
export interface LogStreamOptions {
  readonly sources?: readonly LogReadSource[];
  /** Not before this time. Not together with `fromCursor`. */
  readonly since?: Date;
  /** After the entry with this cursor. */
  readonly fromCursor?: string;
  /** Ends at the first entry of this time or later. */
  readonly until?: Date;
  /** Goes on with what is written later. */
  readonly follow?: boolean;
}

const ALL: readonly LogSource[] = ['stdout', 'stderr', 'output', 'system'];
const DEFAULT: readonly LogSource[] = ['stdout', 'stderr', 'output'];

/**
 * The sources to read, in their fixed order and once each.
 *
 * @throws Error for an unknown word
 */
export function logSources(requested: readonly LogReadSource[] = []): readonly LogSource[] {
  const unknown = requested.find((source) => source !== 'all' && !ALL.includes(source));
  if (unknown !== undefined) throw new Error(`unknown log source "${unknown}"`);
  if (requested.length === 0) return DEFAULT;
  return ALL.filter((source) => requested.includes('all') || requested.includes(source));
}
