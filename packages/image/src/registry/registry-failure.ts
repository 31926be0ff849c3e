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

/** Ways out where nothing better is known. */
const GENERAL_HINTS: Partial<Record<MicrosandboxErrorCode, string>> = {
  image:
    'this is no registry, a broken one, or something on the way to it answers in its place: check the address, or use another registry',
  digestMismatch:
    'the registry or something on the way to it changed the image; try again or use another registry',
};

/** A request to a registry failed. */
export class RegistryFailure extends MicrosandboxError {
  readonly isTransient: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: MicrosandboxErrorCode, message: string, options: RegistryFailureOptions = {}) {
    const hint = options.hint ?? GENERAL_HINTS[code];
    super(code, `registry error: ${message}`, { ...options, ...(hint !== undefined && { hint }) });
    this.isTransient = options.isTransient ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
