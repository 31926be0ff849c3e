import type { MicrosandboxErrorCode } from './error-code.ts';

/** Options of every error of this project. */
export interface MicrosandboxErrorOptions extends ErrorOptions {
  /** One sentence that says how to get out: a command, a flag, a variable to set. */
  readonly hint?: string;
}

/** Registered, so that two installed copies of this package recognise each other's errors. */
const brand = Symbol.for('microsandbox.error');

/**
 * Base of every error that a user can reach. `code` is stable; `message` is one line that names the thing and
 * the reason; `hint` says the way out.
 *
 * `instanceof` works across two installed copies of the package.
 *
 * @example
 * try { await Sandbox.get('web'); }
 * catch (error) { if (error instanceof MicrosandboxError && error.code === 'sandboxNotFound') create(); }
 */
export class MicrosandboxError extends Error {
  readonly code: MicrosandboxErrorCode;
  readonly hint?: string;

  constructor(code: MicrosandboxErrorCode, message: string, options: MicrosandboxErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Code of a subclass's instances; what makes them recognisable across copies. */
  static readonly code?: MicrosandboxErrorCode;

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false;
    if (this.code !== undefined) return (value as { code?: unknown }).code === this.code;
    return this === MicrosandboxError || Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** Builds the constructor shape shared by all subclasses: `new XError(message, options?)`. */
function withCode(code: MicrosandboxErrorCode) {
  return class extends MicrosandboxError {
    static override readonly code = code;

    constructor(message: string, options?: MicrosandboxErrorOptions) {
      super(code, message, options);
    }
  };
}

/** Host file or socket I/O failed. */
export class IoError extends withCode('io') {}
/** Transport failure of an HTTP request. */
export class HttpError extends withCode('http') {}
/** Answer outside 2xx of a cloud control plane. */
export class CloudHttpError extends withCode('cloudHttp') {}
/** The guest kernel's library was not found where it was named. */
export class LibkrunfwNotFoundError extends withCode('libkrunfwNotFound') {}
/** The catalog could not be read or written. */
export class DatabaseError extends withCode('database') {}
/** A value given by the caller, a file or the environment is not acceptable. */
export class InvalidConfigError extends withCode('invalidConfig') {}
/** The image defines neither entrypoint nor command and none was given. */
export class NoDefaultCommandError extends withCode('noDefaultCommand') {}
/** No sandbox of that name exists. */
export class SandboxNotFoundError extends withCode('sandboxNotFound') {}
/** A sandbox of that name exists already. */
export class SandboxAlreadyExistsError extends withCode('sandboxAlreadyExists') {}
/** The operation needs a stopped sandbox. */
export class SandboxStillRunningError extends withCode('sandboxStillRunning') {}
/** The operation needs a running sandbox. */
export class SandboxNotRunningError extends withCode('sandboxNotRunning') {}
/** The sandbox process or its virtual machine misbehaved. */
export class RuntimeError extends withCode('runtime') {}
/** Stored JSON could not be parsed. */
export class JsonError extends withCode('json') {}
/** A frame or message breaks the wire format. */
export class ProtocolError extends withCode('protocol') {}
/** A system call failed. */
export class NixError extends withCode('nix') {}
/** Terminal handling failed, or there is no terminal. */
export class TerminalError extends withCode('terminal') {}
/** A file operation inside the guest failed. */
export class SandboxFsOpsError extends withCode('sandboxFsOps') {}
/** No image of that reference is cached. */
export class ImageNotFoundError extends withCode('imageNotFound') {}
/** Sandboxes still use the image. */
export class ImageInUseError extends withCode('imageInUse') {}
/** No volume of that name exists. */
export class VolumeNotFoundError extends withCode('volumeNotFound') {}
/** A volume of that name exists already. */
export class VolumeAlreadyExistsError extends withCode('volumeAlreadyExists') {}
/** Pulling, converting or reading an image failed. */
export class ImageError extends withCode('image') {}
/** A root file system patch could not be applied. */
export class PatchFailedError extends withCode('patchFailed') {}
/** Metrics are switched off for this sandbox. */
export class MetricsDisabledError extends withCode('metricsDisabled') {}
/** No metrics can be had for this sandbox now. */
export class MetricsUnavailableError extends withCode('metricsUnavailable') {}
/** The sandbox's agent is too old for the operation. */
export class UnsupportedOperationError extends withCode('unsupportedOperation') {}
/** The backend does not offer the operation. */
export class UnsupportedError extends withCode('unsupported') {}
/** A failure with no class of its own. */
export class CustomError extends withCode('custom') {}
/** The connection to a sandbox's agent failed or ended. */
export class AgentClientError extends withCode('agentClient') {}
/** The virtual machine or its agent went away while an operation was pending. */
export class AgentLostError extends withCode('agentLost') {}

/** A command ran longer than its time-out. */
export class ExecTimeoutError extends MicrosandboxError {
  static override readonly code = 'execTimeout';
  /** The time-out in milliseconds, when known. */
  readonly timeoutMs: number | null;

  constructor(message: string, timeoutMs: number | null = null, options?: MicrosandboxErrorOptions) {
    super('execTimeout', message, options);
    this.timeoutMs = timeoutMs;
  }
}
