import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { ServerTrust } from '../tls/upstream-trust.ts';

export interface ConnectTlsOptions {
  readonly serverName: string;
  readonly trust: ServerTrust;
  readonly timeoutMs: number;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Is the client of a server. @throws Error when it is not trusted or does not answer in time */
export function connectTls(
  socket: Socket,
  { serverName, trust, timeoutMs, signal }: ConnectTlsOptions,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connect({
      socket,
      host: serverName,
      // An address is no server name (RFC 6066 section 3), but stands in the certificate all the same.
      ...(isIP(serverName) === 0 && { servername: serverName }),
      ...trust,
    });
    const giveUp = (): void => void tls.destroy(signal.reason as Error);
    signal.addEventListener('abort', giveUp);
    const timer = setTimeout(
      () => tls.destroy(new Error(`no TLS handshake within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    };
    tls.on('error', (error) => {
      settle();
      reject(error);
    });
    tls.once('close', () => {
      settle();
      reject(new Error('the server closed the connection'));
    });
    tls.once('secureConnect', () => {
      settle();
      resolve(tls);
    });
    if (signal.aborted) giveUp();
  });
}
