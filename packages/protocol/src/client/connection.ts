import type { Socket } from 'node:net';
import { AgentClientError, AgentLostError } from '@microsandbox/types';
import { FLAG_TERMINAL } from '../constants.ts';
import { encodeFrameHead } from '../frame.ts';
import type { DecodedFrame } from '../frame-decoder.ts';
import { FrameReceiver } from '../frame-receiver.ts';
import { CorrelationIds } from './correlation-ids.ts';
import type { Dialled } from './dial-once.ts';
import type { FrameQueue } from './frame-queue.ts';
import { FreshMemory } from './fresh-memory.ts';

/** A stream that is alone on its connection pauses the socket above this many unread bytes. */
export const PAUSE_ABOVE_BYTES = 1024 * 1024;
/** … and lets it go on below this many. */
export const RESUME_BELOW_BYTES = 256 * 1024;
/** Bodies up to this size are copied behind their head, since one write is then quicker than two. */
const COPIED_BYTES = 4096;
/** A stream that shares its connection fails above this many unread bytes. */
export const STREAM_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Frames of one socket, sorted to the queues that wait for them.
 *
 * Back-pressure: the wire has none per id, only the socket can be stopped. So a queue that is alone stops the socket
 * (nothing is lost, and the guest's program waits), which is why every exec gets a connection of its own. A queue
 * with neighbours must not stop them: it grows to {@link STREAM_LIMIT_BYTES} and then fails, alone.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #receiver = new FrameReceiver(new FreshMemory());
  readonly #queues = new Map<number, FrameQueue>();
  readonly #ids: CorrelationIds;
  #closed: AgentLostError | AgentClientError | null = null;

  constructor({ socket, prologue, rest, receiveWith }: Dialled) {
    this.#socket = socket;
    this.#ids = new CorrelationIds(prologue.range);
    // Listeners first: what the socket still holds must find them.
    receiveWith({ room: () => this.#receiver.room(), receive: (bytes) => this.#receive(bytes) });
    socket.on('error', (error) => this.#lose(error));
    socket.on('close', () => this.#lose());
    if (rest.length > 0) this.#receive(rest);
    if (socket.destroyed) this.#lose();
    else socket.resume();
  }

  /** Reserves an id whose frames go to `queue`. */
  open(queue: FrameQueue): number {
    if (this.#closed !== null) throw this.#closed;
    const id = this.#ids.take(this.#queues);
    this.#queues.set(id, queue);
    this.flow();
    return id;
  }

  /** Frames of `id` are dropped from now on. */
  forget(id: number): void {
    this.#queues.delete(id);
    this.flow();
  }

  /** Sends one frame; resolves when the socket took it, and until then `body` must not be changed. */
  async send(id: number, flags: number, ...body: readonly Uint8Array[]): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    const bytes = body.reduce((sum, part) => sum + part.length, 0);
    const head = encodeFrameHead({ id, flags, bytes });
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null | undefined): void => {
        if (error) reject(this.#closed ?? lostError(error));
        else resolve();
      };
      if (bytes <= COPIED_BYTES) {
        this.#socket.write(Buffer.concat([head, ...body]), done);
        return;
      }
      this.#socket.cork();
      for (const part of [head, ...body.slice(0, -1)]) this.#socket.write(part);
      this.#socket.write(body.at(-1) ?? head, done);
      this.#socket.uncork();
    });
  }

  /** Lets the frames that `sends` sends travel in one write, so that whoever reads them has all or none. */
  together<T>(sends: () => T): T {
    this.#socket.cork();
    try {
      return sends();
    } finally {
      this.#socket.uncork();
    }
  }

  /** Ends the connection; everything pending rejects with `client closed`. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed === null) this.#end(new AgentClientError('client closed'), 'discard');
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      // A peer that does not read must not keep us here.
      const timer = setTimeout(() => this.#socket.destroy(), 250);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.destroySoon();
    });
  }

  /** Stops or starts the socket after a queue was read or its neighbours changed. */
  flow(): void {
    const alone = this.#queues.size === 1 ? this.#queues.values().next().value : undefined;
    const bytes = alone?.bytes ?? 0;
    if (bytes > PAUSE_ABOVE_BYTES) this.#socket.pause();
    else if (bytes < RESUME_BELOW_BYTES && this.#socket.isPaused()) this.#socket.resume();
  }

  #receive(bytes: Buffer): void {
    this.#receiver.push(bytes);
    try {
      for (let frame = this.#receiver.next(); frame !== null; frame = this.#receiver.next()) {
        this.#deliver(frame);
      }
    } catch (error) {
      // What follows a broken frame cannot be trusted.
      this.#socket.destroy();
      this.#end(new AgentClientError(`protocol: ${(error as Error).message}`, { cause: error }), 'drain');
    }
  }

  #deliver(frame: DecodedFrame): void {
    const queue = this.#queues.get(frame.id);
    if (queue === undefined) return;
    queue.push(frame);
    if ((frame.flags & FLAG_TERMINAL) !== 0) {
      queue.end();
      this.forget(frame.id);
    } else if (queue.bytes > STREAM_LIMIT_BYTES) {
      queue.discard(
        new AgentClientError(`stream id=${frame.id} was not read for ${STREAM_LIMIT_BYTES} bytes`, {
          hint: 'read it faster, or give it a connection of its own',
        }),
      );
      this.forget(frame.id);
    } else if (queue.bytes > PAUSE_ABOVE_BYTES) {
      this.flow();
    }
  }

  #lose(cause?: Error): void {
    if (this.#closed === null) this.#end(lostError(cause), 'drain');
  }

  #end(error: AgentLostError | AgentClientError, unread: 'drain' | 'discard'): void {
    this.#closed = error;
    for (const [id, queue] of this.#queues) {
      const own = error instanceof AgentLostError ? lostError(error.cause, id) : error;
      if (unread === 'drain') queue.end(own);
      else queue.discard(own);
    }
    this.#queues.clear();
  }
}

/** The error of an operation whose connection went away under it. */
function lostError(cause: unknown, id?: number): AgentLostError {
  const subject = id === undefined ? 'agent connection lost' : `reader closed before response for id=${id}`;
  return new AgentLostError(subject, {
    hint: 'the sandbox may have stopped; `msb ps` shows its status',
    ...(cause === undefined ? {} : { cause }),
  });
}
