import type { SandboxStatus } from './values.ts';

/** A configuration, with keys in camelCase. */
export type SandboxConfig = Record<string, unknown>;

/** Answer of `ping()`. */
export interface SandboxPingResult {
  readonly name: string;
  readonly latencyMs: number;
}

/** Answer of `touch()`. */
export interface SandboxTouchResult {
  readonly name: string;
  /** Grows with every activity. */
  readonly activitySeq: number;
}

/** How a sandbox was seen to have stopped. */
export interface SandboxStopResult {
  readonly name: string;
  readonly status: SandboxStatus;
  /** Known only to the process that owned the sandbox. */
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly observedAt: Date;
  readonly source: string | null;
}
