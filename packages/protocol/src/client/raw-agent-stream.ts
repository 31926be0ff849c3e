import type { Frame } from '../frame.ts';
import type { Connection } from './connection.ts';
import type { FrameQueue } from './frame-queue.ts';

/**
 * Frames of one correlation id, bodies undecoded. Ends behind the frame with `FLAG_TERMINAL`; rejects with
 * `AgentLostError` when the connection ends before it.
 */
export class RawAgentStream implements AsyncIterableIterator<Frame> {
  readonly id: number;
  readonly #connection: Connection;
  readonly #queue: FrameQueue;

  /** @internal */
  constructor(id: number, connection: Connection, queue: FrameQueue) {
    this.id = id;
    this.#connection = connection;
    this.#queue = queue;
  }

  async next(): Promise<IteratorResult<Frame, undefined>> {
    const frame = await this.#queue.next();
    this.#connection.flow();
    return frame === null ? { done: true, value: undefined } : { done: false, value: frame };
  }

  /** Sends a follow-up frame on this id, whose body may be in parts; they must not be changed until it resolves. */
  send(flags: number, ...body: readonly Uint8Array[]): Promise<void> {
    return this.#connection.send(this.id, flags, ...body);
  }

  /** Stops delivery here; the guest is not told. Idempotent. */
  async close(): Promise<void> {
    this.#queue.discard();
    this.#connection.forget(this.id);
  }

  async return(): Promise<IteratorResult<Frame, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
