import type { LocalBackend } from './backend/local-backend.ts';
import { bootInfoOf } from './boot-info-of.ts';
import { createNew } from './lifecycle/create-new.ts';
import type { CreateRequest } from './lifecycle/create-request.ts';
import { withFileErrors } from './lifecycle/file-errors.ts';
import { maintainInBackground } from './lifecycle/maintain-in-background.ts';
import { type StartOptions, startExisting } from './lifecycle/start-existing.ts';
import { Sandbox } from './sandbox-instance.ts';

/** Creates and boots a sandbox, and wraps it for its caller. */
export async function createSandbox(request: CreateRequest): Promise<Sandbox> {
  const started = await withFileErrors(() => createNew(request));
  maintainInBackground(request.backend);
  return new Sandbox({ ...started, boot: bootInfoOf(started), ownsLifecycle: !request.detached });
}

/** Boots an existing sandbox, and wraps it for its caller. */
export async function startSandbox(
  backend: LocalBackend,
  name: string,
  options: StartOptions,
): Promise<Sandbox> {
  const started = await withFileErrors(() => startExisting(backend, name, options));
  maintainInBackground(backend);
  return new Sandbox({
    ...started,
    boot: bootInfoOf(started),
    ownsLifecycle: options.mode === 'attached',
  });
}
