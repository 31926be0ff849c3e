import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type DecodedFrame,
  decodeMessage,
  encodeFrame,
  encodeMessageFrame,
  FrameDecoder,
  type MessageType,
  type PayloadInput,
} from '@microsandbox/protocol';

/** A client of `agent.sock` that sends whatever a test wants, right or wrong. */
export class RawClient {
  readonly socket: Socket;
  idStart = 0;
  idEnd = 0;
  readyFrame: DecodedFrame | null = null;
  readonly frames: DecodedFrame[] = [];
  readonly #decoder = new FrameDecoder();
  #prologue = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.#notify());
    this.socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Connects and waits for the prologue. */
  static async open(path: string): Promise<RawClient> {
    const client = new RawClient(path);
    await client.until(() => client.readyFrame !== null);
    return client;
  }

  send<T extends MessageType>(id: number, type: T, payload: PayloadInput<T>): void {
    this.socket.write(encodeMessageFrame(id, type, payload));
  }

  sendFrame(id: number, flags: number, body: Uint8Array): void {
    this.socket.write(encodeFrame({ id, flags, body }));
  }

  /** The next frame with this id, as a message. */
  async next(id: number): Promise<ReturnType<typeof decodeMessage>> {
    let index = -1;
    await this.until(() => {
      index = this.frames.findIndex((frame) => frame.id === id);
      return index >= 0;
    });
    const [frame] = this.frames.splice(index, 1);
    return decodeMessage(frame as DecodedFrame);
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }

  /** Waits for a condition that frames bring about. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.socket.destroyed) throw new Error('connection closed');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #receive(chunk: Buffer): void {
    let rest = chunk;
    if (this.idEnd === 0) {
      this.#prologue = Buffer.concat([this.#prologue, chunk]);
      if (this.#prologue.length < 8) return;
      this.idStart = this.#prologue.readUInt32BE(0);
      this.idEnd = this.#prologue.readUInt32BE(4);
      rest = this.#prologue.subarray(8);
    }
    for (const frame of this.#decoder.push(rest)) {
      if (this.readyFrame === null) this.readyFrame = frame;
      else this.frames.push(frame);
    }
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
