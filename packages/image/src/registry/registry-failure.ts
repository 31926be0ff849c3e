import {
  MicrosandboxError,
  type MicrosandboxErrorCode,
  type MicrosandboxErrorOptions,
} from '@microsandbox/types';

export interface RegistryFailureOptions extends MicrosandboxErrorOptions {
  /** Whether the same request may well succeed a little later. */
  readonly isTransient?: boolean;
  /** How long the server asks to wait, milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** A request to a registry failed. */
export class RegistryFailure extends MicrosandboxError {
  readonly isTransient: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: MicrosandboxErrorCode, message: string, options: RegistryFailureOptions = {}) {
    super(code, `registry error: ${message}`, options);
    this.isTransient = options.isTransient ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
