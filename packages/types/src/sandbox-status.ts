/** States of the catalog's `sandbox.status` column (spec: state 10). */
export const SANDBOX_STATES = [
  'Created',
  'Starting',
  'Running',
  'Draining',
  'Paused',
  'Stopped',
  'Crashed',
] as const;

export type SandboxState = (typeof SANDBOX_STATES)[number];

/** Why a run ended: values of `run.termination_reason`. */
export const TERMINATION_REASONS = [
  'Completed',
  'Failed',
  'MaxDurationExceeded',
  'IdleTimeout',
  'AgentUnresponsive',
  'ShutdownRequested',
  'DrainRequested',
  'Signal',
  'InternalError',
] as const;

export type TerminationReason = (typeof TERMINATION_REASONS)[number];
