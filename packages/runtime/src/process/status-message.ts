import type { BootErrorRecord, BootFailureKind, BootPort, VmmChoice } from '@microsandbox/types';

/** Steps of a start, in order. Each is reported when it is reached. */
export const BOOT_PHASES = ['spawn', 'vmm', 'kernel', 'agent', 'ready'] as const;

/**
 * `spawn`: the sandbox process runs · `vmm`: the monitor answers · `kernel`: the guest's PID 1 runs · `agent`: the
 * root file system is mounted · `ready`: the agent takes commands.
 */
export type BootPhaseName = (typeof BOOT_PHASES)[number];

/** How a start went, once it is done. */
export interface BootReport {
  readonly vmm: VmmChoice & { readonly version: string };
  /** Woken from a template, or booted, and then why. */
  readonly boot: { readonly kind: 'warm' } | { readonly kind: 'cold'; readonly reason: string };
  /** Ports of the host that lead into the guest. */
  readonly ports: readonly BootPort[];
  /** Milliseconds that each step took. */
  readonly phasesMs: Readonly<Record<BootPhaseName, number>>;
}

/** What went wrong, as the starter is told. */
export interface BootErrorReport {
  readonly error: BootErrorRecord;
  readonly kind: BootFailureKind;
  readonly hint: string | null;
  readonly console: readonly string[];
}

/** One line of the sandbox process's status descriptor. */
export type StatusMessage =
  | { readonly pid: number }
  | { readonly phase: BootPhaseName; readonly elapsedMs: number }
  | { readonly ready: BootReport }
  | BootErrorReport;
