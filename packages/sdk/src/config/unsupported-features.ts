import { type SandboxConfigRecord, UnsupportedError } from '@microsandbox/types';

/**
 * Refuses what a configuration asks for and this release cannot give, by the name of the call that asked. A
 * setting is never silently dropped.
 *
 * @throws UnsupportedError
 */
export function assertSupported(config: SandboxConfigRecord): void {
  const api = unsupportedApi(config);
  if (api === null) return;
  throw new UnsupportedError(`${api} is not supported by this backend: not in this release`);
}

function unsupportedApi(config: SandboxConfigRecord): string | null {
  if (config['vsock'] !== undefined && config['vsock'] !== null) return 'SandboxBuilder::vsock';
  return null;
}
