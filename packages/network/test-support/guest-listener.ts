import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type NetworkEndpoint, STREAM_WINDOW_BYTES, type StreamOpened } from '@microsandbox/native';
import { onTestFinished } from 'vitest';
import { StackStream, type StreamStack } from '../src/engine/stack-stream.ts';
import { readHelloName } from '../src/tls/client-hello.ts';

/** A stream's stack that is a loopback socket: what a client does there, the guest does. */
class SocketStack implements StreamStack {
  readonly #socket: Socket;
  readonly #spliceTo: number | undefined;
  stream: StackStream | undefined;
  #outstanding = 0;

  constructor(socket: Socket, spliceTo: number | undefined) {
    this.#socket = socket;
    this.#spliceTo = spliceTo;
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => this.receive(data));
    socket.on('end', () => this.stream?.receiveEnd());
    socket.on('close', () => this.stream?.stackClosed(socket.errored === null ? 'finished' : 'reset'));
  }

  receive(data: Buffer): void {
    this.#outstanding += data.length;
    if (this.#outstanding >= STREAM_WINDOW_BYTES) this.#socket.pause();
    this.stream?.receive(data);
  }

  write(_stream: number, data: Uint8Array): void {
    const { length } = data;
    this.#socket.write(Buffer.from(data), () => this.stream?.grant(length));
  }

  consumed(_stream: number, bytes: number): void {
    this.#outstanding -= bytes;
    if (this.#outstanding < STREAM_WINDOW_BYTES) this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.removeAllListeners('data').resume().end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  splice(_stream: number, replay: Uint8Array): void {
    if (this.#spliceTo === undefined) throw new Error('nothing to splice to');
    const server = connect(this.#spliceTo, '127.0.0.1');
    server.write(replay);
    this.#socket.removeAllListeners('data').pipe(server).pipe(this.#socket);
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
      const stack = new SocketStack(socket, destination.port);
      const stream = new StackStream(stack, id);
      stack.stream = stream;
      if (first.length > 0) stack.receive(first);
      const source = { address: '172.16.0.2', port: 40_000 + id };
      serve({ type: 'stream', stream: id, kind, source, destination, serverName }, stream);
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
