import type { InvalidConfigError } from '@microsandbox/types';
import type { Backend, BackendInfo, BackendSource } from './backend.ts';
import type { LocalBackend } from './local-backend.ts';

/**
 * Stands where a backend could not be chosen: every operation fails with the reason. Falling back to this
 * machine could run something in the wrong place.
 */
export class MisconfiguredBackend implements Backend {
  readonly info: BackendInfo;
  readonly #reason: InvalidConfigError;

  constructor(reason: InvalidConfigError, source: BackendSource) {
    this.info = { kind: 'local', source, problem: reason.message };
    this.#reason = reason;
  }

  local(_api: string): LocalBackend {
    throw this.#reason;
  }
}
