import { connect, isIPv4, type Socket } from 'node:net';
import type { NetworkEndpoint } from '@microsandbox/native';

export interface DialOptions {
  /** Addresses of the gateway, behind which the host itself is. */
  readonly gateways: ReadonlySet<string>;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Nobody listens there, or the host has no such network: the other family may do. */
const FALLBACK_CODES = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH']);

/**
 * Connects to where a guest wanted to. A gateway is the host's loopback interface, of the same family first (spec:
 * network 10).
 *
 * @throws Error with a system code
 */
export async function dial(destination: NetworkEndpoint, options: DialOptions): Promise<Socket> {
  const { address, port } = destination;
  if (!options.gateways.has(address)) return await open(address, port, options.signal);
  const [first, second] = isIPv4(address) ? (['127.0.0.1', '::1'] as const) : (['::1', '127.0.0.1'] as const);
  try {
    return await open(first, port, options.signal);
  } catch (error) {
    if (!FALLBACK_CODES.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return await open(second, port, options.signal);
  }
}

function open(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const abort = (): void => {
      socket.destroy();
      fail(signal.reason as Error);
    };
    signal.addEventListener('abort', abort);
    socket.once('error', fail);
    socket.once('connect', () => {
      settle();
      // Whoever uses it listens too; until then a reset must not be an uncaught error.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
