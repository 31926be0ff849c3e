/**
 * What our agent and relay offer beyond the protocol's generation. The agent lists them in `core.ready`, which older
 * readers pass over; nobody sends a message of an extension to a side that did not name it.
 */
export const EXTENSIONS = {
  /** The agent stops the output of one client when the relay says so. */
  clientFlow: 'client-flow',
  /** The relay keeps programs of clients that went away, lists them and hands them to others. */
  execSessions: 'exec-sessions',
  /** The agent takes paths that are no text, as byte strings. */
  binaryPaths: 'binary-paths',
} as const;
