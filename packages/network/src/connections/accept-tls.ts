import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';

export interface AcceptTlsOptions {
  readonly secureContext: SecureContext;
  readonly timeoutMs: number;
}

/** An established TLS connection of a guest, and the server name with which it was made. */
export interface AcceptedTls {
  readonly socket: TLSSocket;
  readonly serverName: string | null;
}

/** The guest did not make a TLS connection: it gave up, was too slow, or does not accept the certificate. */
export class GuestHandshakeError extends Error {}

/**
 * Is the server of a guest's TLS connection. No protocol is negotiated (ALPN), so clients speak HTTP/1.1.
 *
 * @throws GuestHandshakeError when no connection comes about in time; the stream is destroyed then
 */
export function acceptTls(
  guest: Duplex,
  { secureContext, timeoutMs }: AcceptTlsOptions,
): Promise<AcceptedTls> {
  return new Promise((resolve, reject) => {
    const socket = new TLSSocket(guest, { isServer: true, secureContext });
    let reason = 'the guest closed the connection';
    const timer = setTimeout(() => {
      reason = `no TLS handshake within ${timeoutMs} ms`;
      guest.destroy();
      socket.destroy();
    }, timeoutMs);
    socket.on('error', () => {});
    // A server's socket that no `tls.Server` owns tells its errors by this event only.
    socket.on('_tlsError', (error: Error) => {
      reason = error.message;
      socket.destroy(error);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      reject(new GuestHandshakeError(reason));
    });
    socket.once('secure', () => {
      clearTimeout(timer);
      const { servername } = socket as { readonly servername?: string | false };
      resolve({ socket, serverName: servername ? servername.toLowerCase().replace(/\.$/, '') : null });
    });
  });
}
