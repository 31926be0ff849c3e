import type { TLSSocket } from 'node:tls';
import { readHelloName } from '../tls/client-hello.ts';
import type { TlsInterception } from '../tls/tls-interception.ts';
import { acceptTls } from './accept-tls.ts';
import type { GuestConnection } from './guest-connection.ts';
import { peek } from './peek.ts';
import { GUEST_HANDSHAKE_TIMEOUT_MS } from './serve-tls.ts';

const HELLO_BYTES = 16_384;
const LENGTH_BYTES = 2;
/** Without a query or an answer. */
const IDLE_TIMEOUT_MS = 30_000;
/** Queries of one connection that wait for their answers; more are not read meanwhile. */
const MAX_PENDING = 32;
/** Answers that the guest has not taken; beyond them no query is read. */
const MAX_UNREAD_BYTES = 256 * 1024;

/** Answers DNS over TLS like any other query (spec: network 12.7). */
export async function serveDot(
  connection: GuestConnection,
  tls: TlsInterception,
  idleTimeoutMs = IDLE_TIMEOUT_MS,
): Promise<void> {
  const { stream, destination } = connection;
  const hello = await peek(stream, {
    limitBytes: HELLO_BYTES,
    timeoutMs: GUEST_HANDSHAKE_TIMEOUT_MS,
    isEnough: (bytes) => readHelloName(bytes).kind !== 'incomplete',
  });
  const found = readHelloName(hello);
  if (found.kind !== 'name') return;
  stream.unshift(hello);
  // A client that names no server expects the address in the certificate.
  connection.serverName = found.name ?? destination.address;
  const secureContext = await tls.leaves.contextOf(connection.serverName);
  const { socket } = await acceptTls(stream, { secureContext, timeoutMs: GUEST_HANDSHAKE_TIMEOUT_MS });
  await new DotSession(connection, socket, tls, idleTimeoutMs).run();
}

/** Queries and answers on one connection; answers come in the order in which they are known. */
class DotSession {
  readonly #connection: GuestConnection;
  readonly #socket: TLSSocket;
  readonly #tls: TlsInterception;
  readonly #idleTimeoutMs: number;
  #received = Buffer.alloc(0);
  #pending = 0;
  #isOver = false;

  constructor(connection: GuestConnection, socket: TLSSocket, tls: TlsInterception, idleTimeoutMs: number) {
    this.#connection = connection;
    this.#socket = socket;
    this.#tls = tls;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Until the guest has ended and got its answers, or nothing happens any more. */
  run(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      socket.setTimeout(this.#idleTimeoutMs, () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        this.#take();
      });
      socket.on('drain', () => this.#proceed());
      socket.once('end', () => {
        this.#isOver = true;
        this.#finish();
      });
      socket.once('close', resolve);
      if (socket.destroyed) resolve();
    });
  }

  #take(): void {
    while (this.#received.length >= LENGTH_BYTES) {
      if (this.#isHeldBack) {
        this.#socket.pause();
        return;
      }
      const end = LENGTH_BYTES + this.#received.readUInt16BE(0);
      if (this.#received.length < end) return;
      const message = Buffer.from(this.#received.subarray(LENGTH_BYTES, end));
      this.#received = this.#received.subarray(end);
      this.#pending += 1;
      void this.#answer(message);
    }
  }

  async #answer(message: Buffer): Promise<void> {
    const { context, destination, serverName } = this.#connection;
    const { address, port } = destination;
    const name = serverName ?? address;
    const tls = { serverName: name, trust: this.#tls.trust.of(name) };
    const resolved = await context.dns.resolve({ message, transport: 'tcp', address, port, tls });
    this.#pending -= 1;
    if (resolved !== null && this.#socket.writable) {
      // Known before the guest can connect to them.
      context.stack.insertHostnames(resolved.inserts);
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(resolved.response.length, 0);
      this.#socket.write(Buffer.concat([length, resolved.response]));
    }
    this.#proceed();
  }

  /** Goes on reading, unless something still holds it back. */
  #proceed(): void {
    if (!this.#isOver) this.#socket.resume();
    this.#take();
    this.#finish();
  }

  get #isHeldBack(): boolean {
    return this.#pending >= MAX_PENDING || this.#socket.writableLength > MAX_UNREAD_BYTES;
  }

  #finish(): void {
    if (this.#isOver && this.#pending === 0 && !this.#isHeldBack) this.#socket.end();
  }
}
