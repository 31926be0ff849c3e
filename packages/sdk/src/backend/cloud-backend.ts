import { UnsupportedError } from '@microsandbox/types';
import type { Backend, BackendInfo } from './backend.ts';
import type { LocalBackend } from './local-backend.ts';

/** A control plane elsewhere. It can be chosen and described; nothing of it is carried out by this release. */
export class CloudBackend implements Backend {
  readonly info: BackendInfo;

  constructor(info: Omit<BackendInfo, 'kind'>) {
    this.info = { kind: 'cloud', ...info };
  }

  local(api: string): LocalBackend {
    throw new UnsupportedError(`${api} is not supported by this backend: use a local backend`, {
      hint: 'set MSB_BACKEND=local, or call setDefaultBackend("local")',
    });
  }
}
