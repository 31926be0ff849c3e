import type { LocalBackend } from './local-backend.ts';

/** Where a backend was chosen. */
export type BackendSource =
  | 'programmatic'
  | 'MSB_BACKEND'
  | 'MSB_API_KEY'
  | 'MSB_PROFILE'
  | 'profile'
  | 'active_profile'
  | 'default';

/** What may be told about a backend; never a key. */
export interface BackendInfo {
  readonly kind: 'local' | 'cloud';
  readonly apiUrl?: string;
  readonly profile?: string;
  readonly source: BackendSource;
  /** Why no backend could be chosen; every operation fails with it. */
  readonly problem?: string;
}

/** A place where sandboxes live. */
export interface Backend {
  readonly info: BackendInfo;
  /**
   * This backend as one on this machine, for `api` (`Sandbox::create`), which needs that.
   *
   * @throws UnsupportedError when it is none
   */
  local(api: string): LocalBackend;
}
