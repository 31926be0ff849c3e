import type { Socket } from 'node:net';
import { ConnectionFilter } from '../secrets/connection-filter.ts';
import { planSecrets } from '../secrets/eligibility.ts';
import { canBeRequest } from '../secrets/http1-head.ts';
import type { GuestConnection } from './guest-connection.ts';
import { peek } from './peek.ts';
import { pump } from './pump.ts';
import { UpgradeWatch } from './relay.ts';
import { looksLikeConnect, serveConnect } from './serve-connect.ts';

/** For the first bytes of a guest (spec: network 8). */
const PEEK_TIMEOUT_MS = 5000;
const PEEK_BYTES = 16_384;
/** First byte of a TLS record with a ClientHello. */
const TLS_HANDSHAKE = 0x16;

/**
 * Serves a connection on a port that is not intercepted (spec: network 5.4): looks for a tunnel through a proxy, and
 * for placeholders in plain requests. What needs neither is given back to the stack.
 *
 * @throws BlockedConnection, UnreachableError
 */
export async function servePlain(connection: GuestConnection): Promise<void> {
  const { stream, context } = connection;
  const intercepts = context.tls !== null;
  let first: Buffer = Buffer.alloc(0);
  if (intercepts) {
    first = await peek(stream, {
      limitBytes: PEEK_BYTES,
      timeoutMs: PEEK_TIMEOUT_MS,
      isEnough: (bytes) => looksLikeConnect(bytes) !== 'maybe',
    });
    if (looksLikeConnect(first) === 'yes') return await serveConnect(connection, { first });
  }
  const isOver = first.length > 0 || !intercepts;
  const isUninspected = !needsInspection(connection) || first[0] === TLS_HANDSHAKE;
  if (isOver && isUninspected && stream.giveBack()) return;
  await serveDialled(connection, first);
}

/** Secrets that a plain connection could carry or give away. */
function needsInspection({ secrets }: GuestConnection): boolean {
  return secrets.secrets.some(({ allowed_hosts, injection, require_tls_identity }) => {
    const { headers, basic_auth, query_params, body } = injection;
    const injects = headers || basic_auth || query_params || body;
    return (!require_tls_identity && injects) || !allowed_hosts.includes('any');
  });
}

/** Servers that speak first are heard while the guest's first bytes are still awaited. */
async function serveDialled(connection: GuestConnection, first: Buffer): Promise<void> {
  const { stream, context } = connection;
  const server = await connection.dial();
  let down: Promise<void> | null = null;
  let watch: UpgradeWatch | null = null;
  const startDown = (): Promise<void> => {
    down ??= pump(server, stream, (chunk) => watch?.response(chunk) ?? chunk);
    // Whoever awaits it comes later.
    down.catch(() => {});
    return down;
  };
  server.once('readable', startDown);
  const flight = await readFirstFlight(connection, first);
  if (context.tls !== null && looksLikeConnect(flight) === 'yes' && down === null) {
    server.off('readable', startDown);
    return await serveConnect(connection, { first: flight, server });
  }
  const filter = flight[0] === TLS_HANDSHAKE ? null : filterFor(connection, flight);
  connection.filter = filter;
  if (filter === null) {
    writeFirst(server, flight);
    await Promise.all([pump(stream, server), startDown()]);
    return;
  }
  const requests = new UpgradeWatch(filter);
  watch = requests;
  writeFirst(server, requests.request(flight));
  const up = pump(
    stream,
    server,
    (chunk) => requests.request(chunk),
    () => filter.end(),
  );
  await Promise.all([up, startDown()]);
}

function writeFirst(server: Socket, bytes: Buffer): void {
  if (bytes.length > 0) server.write(bytes);
}

/** What the guest says before it is clear what it speaks. Its first byte may take as long as it likes. */
async function readFirstFlight({ stream }: GuestConnection, first: Buffer): Promise<Buffer> {
  const begin =
    first.length > 0 ? first : await peek(stream, { limitBytes: 1, timeoutMs: null, isEnough: () => true });
  if (begin.length === 0 || isClear(begin)) return begin;
  const more = await peek(stream, {
    limitBytes: PEEK_BYTES - begin.length,
    timeoutMs: PEEK_TIMEOUT_MS,
    isEnough: (bytes) => isClear(Buffer.concat([begin, bytes])),
  });
  return Buffer.concat([begin, more]);
}

function isClear(bytes: Buffer): boolean {
  if (bytes[0] === TLS_HANDSHAKE || bytes.includes('\r\n\r\n')) return true;
  return !canBeRequest(bytes.toString('latin1'));
}

/** The filter of a plain connection, by the host of its first request (spec: network 14.3). */
function filterFor(connection: GuestConnection, flight: Buffer): ConnectionFilter {
  const { context, destination, isGateway, secrets } = connection;
  const hostName = hostOf(flight);
  const plan = planSecrets(secrets, {
    hostName,
    isTls: false,
    resolvedNames: context.stack.hostnamesOf(destination.address),
    isGateway,
  });
  return new ConnectionFilter({ plan, hostName: hostName === '' ? null : hostName });
}

/** Host of the first request, without its port; empty when there is no such thing. */
function hostOf(flight: Buffer): string {
  const head = flight.toString('latin1').split('\r\n\r\n', 1)[0] ?? '';
  const value = /\r\nhost:[ \t]*([^\r\n]*?)[ \t]*(?:\r\n|$)/i.exec(head)?.[1] ?? '';
  return value.replace(/:[^:\]]*$/, '').toLowerCase();
}
