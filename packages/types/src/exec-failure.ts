import { MicrosandboxError } from './errors.ts';

/** Why a program could not be started in the guest (agent protocol, `core.exec.failed`). */
export const EXEC_FAILURE_KINDS = [
  'not_found',
  'permission_denied',
  'not_executable',
  'bad_cwd',
  'bad_args',
  'resource_limit',
  'user_setup_failed',
  'out_of_memory',
  'pty_setup_failed',
  'other',
] as const;

export type ExecFailureKind = (typeof EXEC_FAILURE_KINDS)[number];

/** Payload of `core.exec.failed`. */
export interface ExecFailure {
  readonly kind: ExecFailureKind;
  readonly errno: number | null;
  readonly errnoName: string | null;
  readonly message: string;
  readonly stage: string | null;
}

/** The program never ran. A program that ran and failed is a normal result, not an error. */
export class ExecFailedError extends MicrosandboxError {
  static override readonly code = 'execFailed';
  readonly failure: ExecFailure;

  constructor(failure: ExecFailure) {
    super('execFailed', `exec failed: ${failure.message}`);
    this.failure = failure;
  }
}
