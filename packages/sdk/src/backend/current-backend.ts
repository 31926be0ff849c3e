import { AsyncLocalStorage } from 'node:async_hooks';
import type { Backend } from './backend.ts';
import { selectBackend } from './select-backend.ts';

const scoped = new AsyncLocalStorage<Backend>();

let processDefault: Backend | undefined;

/**
 * The backend of the surrounding {@link withBackend}, else the process's. That one is chosen on first use and
 * stays.
 */
export function currentBackend(): Backend {
  const backend = scoped.getStore();
  if (backend !== undefined) return backend;
  processDefault ??= selectBackend(process.env);
  return processDefault;
}

/** Sets the process's backend and returns the one before; undefined goes back to choosing on next use. */
export function swapProcessBackend(backend: Backend | undefined): Backend | undefined {
  const previous = processDefault;
  processDefault = backend;
  return previous;
}

/**
 * Runs `body` and everything it awaits with another backend, and nothing else. Objects keep the backend they
 * were made with.
 *
 * @example
 * const other = new LocalBackend({ env: { MSB_HOME: '/srv/sandboxes' } });
 * await withBackend(other, () => Sandbox.list());
 */
export function withBackend<T>(backend: Backend, body: () => T): T {
  return scoped.run(backend, body);
}
