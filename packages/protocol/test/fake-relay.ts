import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMessageFrame } from '../src/envelope.ts';
import { type DecodedFrame, FrameDecoder } from '../src/frame-decoder.ts';
import { encodeClientPrologue, relayIdRange } from '../src/relay-id-range.ts';

/** One client of a {@link FakeRelay}, seen from the relay. */
export interface FakeRelayClient {
  readonly socket: Socket;
  readonly frames: DecodedFrame[];
}

export interface FakeRelayOptions {
  /** Sent to each client at once; by default a correct prologue of generation 7. */
  readonly prologue?: Uint8Array;
  readonly onFrame?: (frame: DecodedFrame, client: FakeRelayClient) => void;
}

/** A relay's prologue whose guest speaks `version`. */
export function prologueOf(version: number, slot = 0): Buffer {
  const ready = { bootTimeNs: 1, initTimeNs: 2, readyTimeNs: 3, agentVersion: '0.6.14' };
  return encodeClientPrologue(relayIdRange(slot), encodeMessageFrame(0, 'core.ready', ready, { version }));
}

/** A relay on a real Unix socket in a folder of its own. */
export class FakeRelay implements AsyncDisposable {
  readonly path: string;
  readonly clients: FakeRelayClient[] = [];
  readonly #server: Server;
  readonly #folder: string;

  private constructor(folder: string, server: Server) {
    this.#folder = folder;
    this.#server = server;
    this.path = join(folder, 'agent.sock');
  }

  static async listen(options: FakeRelayOptions = {}): Promise<FakeRelay> {
    const server = createServer();
    const relay = new FakeRelay(await mkdtemp(join(tmpdir(), 'fake-relay-')), server);
    server.on('connection', (socket) => relay.#serve(socket, options));
    await new Promise<void>((resolve) => server.listen(relay.path, resolve));
    return relay;
  }

  #serve(socket: Socket, options: FakeRelayOptions): void {
    const client: FakeRelayClient = { socket, frames: [] };
    const decoder = new FrameDecoder();
    this.clients.push(client);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const frame of decoder.push(chunk)) {
        client.frames.push(frame);
        options.onFrame?.(frame, client);
      }
    });
    socket.write(options.prologue ?? prologueOf(7));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true });
  }
}
