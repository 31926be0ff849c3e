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
  const { network } = config;
  // Without interception no secret could reach a host, and silence about it would look like protection.
  if (interceptsTls(network)) return 'NetworkBuilder::tls';
  if (hasSecrets(network)) return 'SandboxBuilder::secret';
  if (config['vsock'] !== undefined && config['vsock'] !== null) return 'SandboxBuilder::vsock';
  return null;
}

function interceptsTls({ tls }: SandboxConfigRecord['network']): boolean {
  return ((tls ?? {}) as { readonly enabled?: unknown }).enabled === true;
}

/** Older records name an empty list. */
function hasSecrets({ secrets }: SandboxConfigRecord['network']): boolean {
  const { secrets: list } = (secrets ?? {}) as { readonly secrets?: unknown };
  return Array.isArray(list) && list.length > 0;
}
