import type { Backend, BackendInfo } from './backend.ts';
import { CloudBackend } from './cloud-backend.ts';
import { currentBackend, swapProcessBackend } from './current-backend.ts';
import { LocalBackend } from './local-backend.ts';
import { DEFAULT_API_URL, selectProfile } from './select-backend.ts';

/** Which backend the process is to use. */
export type DefaultBackend =
  | 'local'
  | { readonly kind: 'cloud'; readonly url?: string; readonly apiKey: string }
  | { readonly kind: 'cloud'; readonly profile: string };

/** Sets the process's backend; it wins over environment and settings. */
export function setDefaultBackend(backend: DefaultBackend): void {
  swapProcessBackend(programmatic(backend));
}

/**
 * Runs `body` with another backend for the whole process, and sets the old one again afterwards. See
 * `withBackend` for one that leaves the rest of the program alone.
 */
export async function withDefaultBackend<T>(backend: DefaultBackend, body: () => Promise<T> | T): Promise<T> {
  const previous = swapProcessBackend(programmatic(backend));
  try {
    return await body();
  } finally {
    swapProcessBackend(previous);
  }
}

/** Kind of the backend that is used now. */
export function defaultBackendKind(): BackendInfo['kind'] {
  return currentBackend().info.kind;
}

/** What may be told about the backend that is used now. */
export function defaultBackendInfo(): BackendInfo {
  return currentBackend().info;
}

function programmatic(backend: DefaultBackend): Backend {
  if (backend === 'local') return new LocalBackend({ source: 'programmatic' });
  if ('profile' in backend) return selectProfile(backend.profile, process.env);
  if (!backend.apiKey) throw new Error('cloud backend requires apiKey or profile');
  return new CloudBackend({ apiUrl: backend.url ?? DEFAULT_API_URL, source: 'programmatic' });
}
