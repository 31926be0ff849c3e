import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { HOST_ALIAS } from '../dns/dns-forwarder.ts';
import { BlockedConnection } from '../secrets/blocked.ts';
import { planSecrets } from '../secrets/eligibility.ts';
import { Http1Filter } from '../secrets/http1-filter.ts';
import { readHelloName } from '../tls/client-hello.ts';
import type { TlsInterception } from '../tls/tls-interception.ts';
import { type ConnectTarget, readConnectHead } from './connect-head.ts';
import type { GuestConnection } from './guest-connection.ts';
import { peek } from './peek.ts';
import { pump } from './pump.ts';
import { relay } from './relay.ts';
import { GUEST_HANDSHAKE_TIMEOUT_MS, serveTls } from './serve-tls.ts';

const METHOD = 'CONNECT ';
const HEAD_END = '\r\n\r\n';
/** Bounds of spec network 8. */
const HEAD_TIMEOUT_MS = 5000;
const REQUEST_HEAD_BYTES = 16_384;
const RESPONSE_HEAD_BYTES = 8192;
const HELLO_BYTES = 16_384;

/** Whether bytes begin a tunnel through a proxy, as far as they go. */
export function looksLikeConnect(bytes: Buffer): 'yes' | 'no' | 'maybe' {
  const begin = bytes.toString('latin1', 0, METHOD.length).toUpperCase();
  if (begin === METHOD) return 'yes';
  return METHOD.startsWith(begin) ? 'maybe' : 'no';
}

export interface ServeConnectOptions {
  /** What the guest has said. */
  readonly first: Buffer;
  /** The proxy, when it was dialled already. */
  readonly server?: Socket;
}

/**
 * Serves a tunnel that a guest asks a proxy for (spec: network 5.5). TLS to an intercepted port within it is
 * intercepted like any other.
 *
 * @throws BlockedConnection, UnreachableError, UntrustedError
 */
export async function serveConnect(connection: GuestConnection, options: ServeConnectOptions): Promise<void> {
  const { stream, context } = connection;
  const { tls } = context;
  const asked = await readToHeadEnd(options.first, (first) =>
    peek(stream, {
      limitBytes: REQUEST_HEAD_BYTES - first.length,
      timeoutMs: HEAD_TIMEOUT_MS,
      isEnough: (bytes) => Buffer.concat([first, bytes]).includes(HEAD_END),
    }),
  );
  const target = readConnectHead(asked.head.toString('latin1'));
  assertNoPlaceholder(connection, asked.head);
  const server = options.server ?? (await connection.dial());
  server.write(asked.head);
  const answer = await readToHeadEnd(Buffer.alloc(0), () =>
    peek(server, {
      limitBytes: RESPONSE_HEAD_BYTES,
      timeoutMs: HEAD_TIMEOUT_MS,
      isEnough: (bytes) => bytes.includes(HEAD_END),
    }),
  );
  const isOpen = /^HTTP\/\d\.\d 2\d\d[ \r]/.test(answer.head.toString('latin1'));
  if (!isOpen) {
    // The guest learns why; what it says after that is not sent.
    stream.write(Buffer.concat([answer.head, answer.rest]));
    server.end();
    await pump(server, stream);
    return;
  }
  if (tls === null || !tls.interceptsPort(target.port)) {
    stream.write(Buffer.concat([answer.head, answer.rest]));
    if (asked.rest.length > 0) server.write(asked.rest);
    await relay(stream, server);
    return;
  }
  if (answer.rest.length > 0) throw new BlockedConnection('CONNECT: the proxy speaks before the guest');
  stream.write(answer.head);
  await serveTunnel(connection, { tls, target, server, first: asked.rest });
}

interface Tunnel {
  readonly tls: TlsInterception;
  readonly target: ConnectTarget;
  readonly server: Socket;
  readonly first: Buffer;
}

async function serveTunnel(connection: GuestConnection, tunnel: Tunnel): Promise<void> {
  const { tls, target, server, first } = tunnel;
  const { stream } = connection;
  const isRead = (bytes: Buffer): boolean => readHelloName(bytes).kind !== 'incomplete';
  const more = isRead(first)
    ? Buffer.alloc(0)
    : await peek(stream, {
        limitBytes: HELLO_BYTES - first.length,
        timeoutMs: GUEST_HANDSHAKE_TIMEOUT_MS,
        isEnough: (bytes) => isRead(Buffer.concat([first, bytes])),
      });
  const hello = Buffer.concat([first, more]);
  const found = readHelloName(hello);
  const name = found.kind === 'name' ? found.name : null;
  if (name === null) throw new BlockedConnection('CONNECT: no server name');
  connection.serverName = name;
  const isAddress = isIP(target.host) !== 0;
  if (!isAddress && name !== target.host) {
    throw new BlockedConnection('CONNECT: another server name than the proxy was asked for');
  }
  assertAllowed(connection, target, name);
  if (tls.bypasses(name)) {
    server.write(hello);
    await relay(stream, server);
    return;
  }
  stream.unshift(hello);
  await serveTls(connection, { tls, serverName: name, server });
}

/** The policy's word about the target; the proxy was allowed before. @throws BlockedConnection */
function assertAllowed(
  { context, destination }: GuestConnection,
  { host, port }: ConnectTarget,
  sni: string,
): void {
  const [gateway] = context.gateways;
  const address =
    isIP(host) !== 0 ? host : host === HOST_ALIAS && gateway !== undefined ? gateway : destination.address;
  const { action } = context.stack.evaluate(
    { kind: 'egress', protocol: 'tcp', address, port, hostname: { sni } },
    true,
  );
  if (action !== 'allow') throw new BlockedConnection('CONNECT: denied by the policy');
}

/** A proxy gets no secret. @throws BlockedConnection for a placeholder of any */
function assertNoPlaceholder(connection: GuestConnection, head: Buffer): void {
  const { secrets, on_violation } = connection.secrets;
  const nowhere = secrets.map((secret) => ({ ...secret, allowed_hosts: [] }));
  const facts = { hostName: '', isTls: false, resolvedNames: [], isGateway: false };
  const plan = planSecrets({ secrets: nowhere, on_violation }, facts);
  const filter = new Http1Filter({ plan, hostName: null });
  connection.filter = filter;
  filter.transform(head);
}

interface Parted {
  readonly head: Buffer;
  readonly rest: Buffer;
}

async function readToHeadEnd(first: Buffer, more: (first: Buffer) => Promise<Buffer>): Promise<Parted> {
  const bytes = first.includes(HEAD_END) ? first : Buffer.concat([first, await more(first)]);
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) throw new BlockedConnection('CONNECT: a head without an end');
  return { head: bytes.subarray(0, end + HEAD_END.length), rest: bytes.subarray(end + HEAD_END.length) };
}
