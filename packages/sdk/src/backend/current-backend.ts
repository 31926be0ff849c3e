import { AsyncLocalStorage } from 'node:async_hooks';
import { LocalBackend } from './local-backend.ts';

const scoped = new AsyncLocalStorage<LocalBackend>();

let processDefault: LocalBackend | undefined;

/** The backend of the surrounding {@link withBackend}, else the process's, made on first use. */
export function currentBackend(): LocalBackend {
  const backend = scoped.getStore();
  if (backend !== undefined) return backend;
  processDefault ??= new LocalBackend();
  return processDefault;
}

/**
 * Runs `body` and everything it awaits with another backend. Objects keep the backend they were made with.
 *
 * @example
 * const other = new LocalBackend({ env: { MSB_HOME: '/srv/sandboxes' } });
 * await withBackend(other, () => Sandbox.list());
 */
export function withBackend<T>(backend: LocalBackend, body: () => T): T {
  return scoped.run(backend, body);
}
