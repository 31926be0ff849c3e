import type { BootErrorRecord } from './boot-error.ts';
import { MicrosandboxError, type MicrosandboxErrorOptions } from './errors.ts';

/** A sandbox could not be started. Message: `failed to start "<name>": <reason>`. */
export class BootStartError extends MicrosandboxError {
  static override readonly code = 'bootStart';
  readonly sandbox: string;
  readonly record: BootErrorRecord;
  /** Last lines of the guest's console, oldest first; empty when it never spoke. */
  readonly consoleTail: readonly string[];

  constructor(
    sandbox: string,
    record: BootErrorRecord,
    consoleTail: readonly string[] = [],
    options?: MicrosandboxErrorOptions,
  ) {
    super('bootStart', `failed to start "${sandbox}": ${record.message}`, options);
    this.sandbox = sandbox;
    this.record = record;
    this.consoleTail = consoleTail;
  }
}
