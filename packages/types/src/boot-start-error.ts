import type { BootErrorRecord, BootFailureKind } from './boot-error.ts';
import { MicrosandboxError, type MicrosandboxErrorOptions } from './errors.ts';

/** Options of a {@link BootStartError}. */
export interface BootStartErrorOptions extends MicrosandboxErrorOptions {
  /** Why, when it could be told; `other` without it. */
  readonly kind?: BootFailureKind;
}

/**
 * A sandbox could not be started. Message: `failed to start "<name>": <reason>`.
 *
 * @example
 * catch (error) { if (error instanceof BootStartError && error.kind === 'outOfMemory') retryWithMore(); }
 */
export class BootStartError extends MicrosandboxError {
  static override readonly code = 'bootStart';
  readonly sandbox: string;
  readonly kind: BootFailureKind;
  readonly record: BootErrorRecord;
  /** Last lines of the guest's console, oldest first, at most 20; empty when it never spoke. */
  readonly consoleTail: readonly string[];

  constructor(
    sandbox: string,
    record: BootErrorRecord,
    consoleTail: readonly string[] = [],
    options: BootStartErrorOptions = {},
  ) {
    super('bootStart', `failed to start "${sandbox}": ${record.message}`, options);
    this.sandbox = sandbox;
    this.kind = options.kind ?? 'other';
    this.record = record;
    this.consoleTail = consoleTail;
  }
}
