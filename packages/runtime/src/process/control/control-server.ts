import { createServer, type Server, type Socket } from 'node:net';
import { controlReply } from './control-reply.ts';
import type { SecretsUpdater } from './secrets-updater.ts';

/** Longest request: secrets can be long, and several change at once. */
const MAX_LINE_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 16;
/** Time from the connection to its end, whoever is slow. */
const CONNECTION_TIMEOUT_MS = 10_000;
const NEWLINE = 0x0a;

/** Bounds of a {@link ControlServer}. */
export interface ControlServerOptions {
  readonly secrets: SecretsUpdater | null;
  readonly timeoutMs?: number;
}

/** Serves `control.sock`: a connection asks with one line of JSON and is answered with one (spec: runtime A8). */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Binds the socket. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), this.#options.timeoutMs ?? CONNECTION_TIMEOUT_MS);
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    const chunks: Buffer[] = [];
    let length = 0;
    const receive = (chunk: Buffer): void => {
      const end = chunk.indexOf(NEWLINE);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      chunks.push(part);
      length += part.length;
      if (length > MAX_LINE_BYTES) {
        this.#answer(socket, { ok: false, error: 'invalid control request: too long' });
      } else if (end >= 0) {
        void this.#serve(socket, Buffer.concat(chunks).toString('utf8'));
      } else {
        return;
      }
      socket.off('data', receive);
      socket.resume();
    };
    socket.on('data', receive);
    // Without a line there is nothing to answer.
    socket.once('end', () => {
      if (socket.listeners('data').includes(receive)) socket.destroy();
    });
  }

  async #serve(socket: Socket, line: string): Promise<void> {
    this.#answer(socket, await controlReply(line, this.#options.secrets));
  }

  #answer(socket: Socket, reply: object): void {
    socket.end(`${JSON.stringify(reply)}\n`);
  }
}
