import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { answers, type ServerAddress, withId } from './udp-exchange.ts';

const MAX_ID = 0xffff;
/** A connection without queries is closed after this long. */
const IDLE_MS = 10_000;

interface PendingQuery {
  readonly sent: Buffer;
  readonly resolve: (response: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Asks one name server over TCP. One connection, made when the first query comes and again when it was lost, carries
 * any number of queries at once (RFC 7766), each under an id of its own.
 */
export class TcpExchange implements Disposable {
  readonly #server: ServerAddress;
  readonly #pending = new Map<number, PendingQuery>();
  #socket: Socket | null = null;
  #received = Buffer.alloc(0);
  #nextId = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(server: ServerAddress) {
    this.#server = server;
  }

  /**
   * @returns the response, with the query's own id
   * @throws Error when the connection cannot be made or breaks, or no answer comes in time
   */
  async exchange(query: Buffer, timeoutMs: number): Promise<Buffer> {
    const id = this.#freeId();
    const sent = withId(query, id);
    clearTimeout(this.#idle);
    let timer: NodeJS.Timeout | undefined;
    try {
      const response = await new Promise<Buffer>((resolve, reject) => {
        this.#pending.set(id, { sent, resolve, reject });
        timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
        this.#connection().write(framed(sent));
      });
      return withId(response, query.readUInt16BE(0));
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
      if (this.#pending.size === 0) {
        this.#idle = setTimeout(() => this[Symbol.dispose](), IDLE_MS).unref();
      }
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idle);
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connection(): Socket {
    if (this.#socket !== null) return this.#socket;
    const socket = openTo(this.#server);
    this.#received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#lost(socket));
    socket.unref();
    this.#socket = socket;
    return socket;
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 2) {
      const end = 2 + this.#received.readUInt16BE(0);
      if (this.#received.length < end) return;
      const response = this.#received.subarray(2, end);
      this.#received = this.#received.subarray(end);
      const query = response.length >= 2 ? this.#pending.get(response.readUInt16BE(0)) : undefined;
      if (query !== undefined && answers(response, query.sent)) query.resolve(Buffer.from(response));
    }
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    for (const { reject } of this.#pending.values()) reject(new Error('the connection was lost'));
  }

  #freeId(): number {
    if (this.#pending.size > MAX_ID) throw new Error('too many queries at once');
    do this.#nextId = (this.#nextId + 1) & MAX_ID;
    while (this.#pending.has(this.#nextId));
    return this.#nextId;
  }
}

function openTo({ address, port, tls }: ServerAddress): Socket {
  const socket = connect({ host: address, port, noDelay: true });
  if (tls === undefined) return socket;
  socket.unref();
  const { serverName, trust } = tls;
  const name = isIP(serverName) === 0 ? { servername: serverName } : {};
  return connectTls({ socket, host: serverName, ...name, ...trust });
}

/** A message with its length in front (RFC 1035 section 4.2.2). */
function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}
