import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { addon, type NetworkEndpoint, type StreamOpened } from '@microsandbox/native';
import { onTestFinished } from 'vitest';
import { StackStream, type StreamStack } from '../src/engine/stack-stream.ts';
import { readHelloName } from '../src/tls/client-hello.ts';

/** A stream's stack that is a loopback socket: what a client does there, the guest does. */
class SocketStack implements StreamStack {
  readonly stream: StackStream;
  readonly #socket: Socket;
  readonly #spliceTo: number;
  /** The stack's end of the stream. */
  readonly #near: Socket;
  readonly #delivered: Buffer[] = [];

  constructor(socket: Socket, { id, first, spliceTo }: { id: number; first: Buffer; spliceTo: number }) {
    const [fd, nearFd] = addon().socketPair();
    this.stream = new StackStream(this, { stream: id, fd });
    this.#socket = socket;
    this.#spliceTo = spliceTo;
    this.#near = new Socket({ fd: nearFd, allowHalfOpen: true });
    // The owner closes its end while bytes are on the way.
    this.#near.on('error', () => {});
    this.#near.write(first);
    this.#delivered.push(first);
    socket.on('data', (data: Buffer) => this.#delivered.push(data));
    socket.pipe(this.#near).pipe(socket);
    socket.on('close', () => {
      this.stream.stackClosed(socket.errored === null ? 'finished' : 'reset');
      this.#near.destroy();
    });
  }

  close(): void {
    this.#socket.unpipe(this.#near).resume();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  splice(): void {
    const server = connect(this.#spliceTo, '127.0.0.1');
    server.write(Buffer.concat(this.#delivered));
    this.#near.unpipe(this.#socket).destroy();
    this.#socket.unpipe(this.#near).pipe(server).pipe(this.#socket);
  }
}

export interface GuestListenerOptions {
  readonly kind: StreamOpened['kind'];
  /** Where clients say they want to. */
  readonly destination: NetworkEndpoint;
  readonly serve: (opened: StreamOpened, stream: StackStream) => void;
}

/** Listens on a port of the host whose clients are taken for a guest's connections. @returns the port */
export async function listenAsGuest({ kind, destination, serve }: GuestListenerOptions): Promise<number> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    count += 1;
    const id = count;
    const open = (serverName: string | null, first: Buffer): void => {
      const { stream } = new SocketStack(socket, { id, first, spliceTo: destination.port });
      const source = { address: '172.16.0.2', port: 40_000 + id };
      serve({ type: 'stream', stream: id, fd: -1, kind, source, destination, serverName }, stream);
    };
    if (kind !== 'tls') {
      open(null, Buffer.alloc(0));
      return;
    }
    // The stack looks at the hello first.
    let hello = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', function look(data: Buffer) {
      hello = Buffer.concat([hello, data]);
      const found = readHelloName(hello);
      if (found.kind !== 'name') return;
      socket.off('data', look);
      open(found.name, hello);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
