import type { Socket } from 'node:net';
import { BlockedConnection } from '../secrets/blocked.ts';
import { ConnectionFilter } from '../secrets/connection-filter.ts';
import { planSecrets } from '../secrets/eligibility.ts';
import type { TlsInterception } from '../tls/tls-interception.ts';
import { acceptTls } from './accept-tls.ts';
import { connectTls } from './connect-tls.ts';
import { type GuestConnection, UntrustedError } from './guest-connection.ts';
import { relayRequests } from './relay.ts';

/** For a guest's handshake (spec: network 8). */
export const GUEST_HANDSHAKE_TIMEOUT_MS = 10_000;
/** A server that says nothing for this long after it was reached will not. */
const SERVER_HANDSHAKE_TIMEOUT_MS = 30_000;

export interface ServeTlsOptions {
  readonly tls: TlsInterception;
  readonly serverName: string;
  /** A connection that leads to the server through a proxy; dialled without it. */
  readonly server?: Socket;
}

/**
 * Intercepts a TLS connection (spec: network 13.3): is the server for the guest, then the client of the real server,
 * and puts secrets into the requests between them.
 *
 * @throws BlockedConnection, UnreachableError, UntrustedError
 */
export async function serveTls(
  connection: GuestConnection,
  { tls, serverName, server }: ServeTlsOptions,
): Promise<void> {
  const { context, destination, isGateway, secrets, stream } = connection;
  const plan = planSecrets(secrets, {
    hostName: serverName,
    isTls: true,
    // A proxy resolves the name itself; the name was checked against what it was asked for.
    resolvedNames: server === undefined ? context.stack.hostnamesOf(destination.address) : null,
    isGateway,
  });
  const secureContext = await tls.leaves.contextOf(serverName);
  const guest = await acceptTls(stream, { secureContext, timeoutMs: GUEST_HANDSHAKE_TIMEOUT_MS });
  // The name that was judged has to be the one that TLS was made with, however the hello was read.
  if (guest.serverName !== serverName) throw new BlockedConnection('TLS: another server name than before');
  const socket = server ?? (await connection.dial());
  const trusted = await connectTls(socket, {
    serverName,
    trust: tls.trust.of(serverName),
    timeoutMs: SERVER_HANDSHAKE_TIMEOUT_MS,
    signal: connection.signal,
  }).catch((error: Error) => {
    connection.signal.throwIfAborted();
    throw new UntrustedError(error.message, { cause: error });
  });
  connection.filter = new ConnectionFilter({ plan, hostName: serverName });
  await relayRequests(guest.socket, trusted, connection.filter);
}
