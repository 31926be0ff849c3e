import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DecodedFrame,
  decodeMessage,
  encodeMessageFrame,
  FrameDecoder,
  type Message,
  type MessageType,
  type PayloadInput,
} from '@microsandbox/protocol';

const PATIENCE_MS = 20_000;

/** A connection to `agent.sock` on which a test may send what no client of ours would. */
export class RawAgent implements AsyncDisposable {
  readonly socket: Socket;
  /** Everything up to and without the first frame. */
  prologue: Buffer = Buffer.alloc(0);
  readonly frames: DecodedFrame[] = [];
  readonly #decoder = new FrameDecoder();

  private constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      const missing = 8 - this.prologue.length;
      this.prologue = Buffer.concat([this.prologue, chunk.subarray(0, missing)]);
      this.frames.push(...this.#decoder.push(chunk.subarray(missing)));
    });
  }

  /** Connects and takes the prologue and the ready frame. */
  static async open(path: string): Promise<RawAgent> {
    const agent = new RawAgent(path);
    await agent.message(0);
    return agent;
  }

  /** Connects and waits for the end; how many bytes came before it. */
  static async bytesUntilClosed(path: string): Promise<number> {
    const agent = new RawAgent(path);
    await agent.closed();
    return agent.socket.bytesRead;
  }

  get firstId(): number {
    return this.prologue.readUInt32BE(0);
  }

  send<T extends MessageType>(id: number, type: T, payload: PayloadInput<T>): void {
    this.socket.write(encodeMessageFrame(id, type, payload));
  }

  /** The next message with this id. */
  async message(id: number): Promise<Message> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const index = this.frames.findIndex((frame) => frame.id === id);
      const [frame] = index < 0 ? [] : this.frames.splice(index, 1);
      if (frame !== undefined) return decodeMessage(frame);
      if (this.socket.closed) throw new Error('connection closed');
      if (Date.now() > deadline) throw new Error(`nothing for id ${id}`);
      await delay(1);
    }
  }

  async closed(): Promise<void> {
    // Not `once`: it rejects on 'error', and a relay that hangs up may do so before the last write is through (EPIPE).
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.socket.closed) {
      if (Date.now() > deadline) throw new Error('connection still open');
      await delay(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed();
  }
}
