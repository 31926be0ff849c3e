import { InvalidConfigError } from '@microsandbox/types';
import type { SandboxPaths } from './sandbox-paths.ts';

/** Size of `sockaddr_un.sun_path`, its terminating zero included. */
export const SOCKET_PATH_CAPACITY = process.platform === 'darwin' ? 104 : 108;

/**
 * Checks that both canonical sockets of a sandbox can be bound.
 *
 * @throws InvalidConfigError naming the length, the limit and the way out
 */
export function assertSocketPathsFit(paths: Pick<SandboxPaths, 'agentSocket' | 'controlSocket'>): void {
  const lengths = [paths.agentSocket, paths.controlSocket].map((path) => Buffer.byteLength(path));
  const tooLong = lengths.find((length) => length >= SOCKET_PATH_CAPACITY);
  if (tooLong === undefined) return;
  throw new InvalidConfigError(
    `invalid config: sandbox runtime socket path is too long: shortest derived path is ${tooLong} bytes, ` +
      `but Unix socket paths on this platform must be shorter than ${SOCKET_PATH_CAPACITY} bytes; ` +
      'set MSB_HOME to a shorter directory',
    { hint: 'set MSB_HOME to a shorter directory' },
  );
}
