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
  throw new UnsupportedError(`${api.name} is not supported by this backend: ${api.reason}`, {
    hint: api.hint,
  });
}

/** A call that asks for too much, why it does, and what does instead. */
interface UnsupportedApi {
  readonly name: string;
  readonly reason: string;
  readonly hint: string;
}

const VSOCK: UnsupportedApi = {
  name: 'SandboxBuilder::vsock',
  reason:
    "QEMU has vsock only through the host's kernel (/dev/vhost-vsock), past the sandbox process that would relay " +
    'it, and libkrun is started without its vsock device',
  hint:
    "let the program listen on a TCP port of the host's loopback; with --net public,host the guest reaches it as " +
    'host.microsandbox.internal',
};

function unsupportedApi(config: SandboxConfigRecord): UnsupportedApi | null {
  return config['vsock'] !== undefined && config['vsock'] !== null ? VSOCK : null;
}
