import type { SandboxHandle } from './sandbox-handle.ts';

/** One page of a list, newest sandbox first. */
export interface SandboxPage {
  readonly sandboxes: SandboxHandle[];
  /** Cursor of the next page; absent on the last. */
  readonly nextCursor?: string;
}
