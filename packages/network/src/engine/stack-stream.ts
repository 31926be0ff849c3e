import { Socket } from 'node:net';
import { type NetworkStack, STREAM_LOOKAHEAD_BYTES, type StreamOpened } from '@microsandbox/native';

/** What a stream needs of the stack. */
export type StreamStack = Pick<NetworkStack, 'close' | 'reset' | 'splice'>;

/**
 * A TCP connection of the guest as a socket of Node, over the local descriptor that the stack handed up. Bytes that
 * nobody reads stay in it, and then in the guest. Both sides can be closed by themselves; destroying the stream with an
 * error resets the connection, without one closes it.
 */
export class StackStream extends Socket {
  readonly #stack: StreamStack;
  readonly #id: number;
  /** The stack has given the connection up; nothing may be said about it any more. */
  #closed = false;

  constructor(stack: StreamStack, { stream, fd }: Pick<StreamOpened, 'stream' | 'fd'>) {
    super({ fd, allowHalfOpen: true });
    this.#stack = stack;
    this.#id = stream;
  }

  /** The connection is over on the guest's side. What is still to be read can be, unless it was reset. */
  stackClosed(reason: 'finished' | 'reset'): void {
    this.#closed = true;
    if (reason === 'reset') {
      this.destroy(Object.assign(new Error('connection reset'), { code: 'ECONNRESET' }));
    }
  }

  /**
   * Gives the connection back to the stack, which connects it to its destination, repeats to it what came here, and
   * looks at it no more. Only as long as nothing was written.
   *
   * @returns false when too much has come to be sent again; nothing has changed then
   */
  giveBack(): boolean {
    if (this.bytesWritten > 0 || this.bytesRead > STREAM_LOOKAHEAD_BYTES) return false;
    if (!this.#closed) this.#stack.splice(this.#id);
    this.#closed = true;
    this.destroy();
    return true;
  }

  /** The stack hears of it before the descriptor is closed, which alone says nothing about how it ended. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#closed) {
      if (error === null) this.#stack.close(this.#id);
      else this.#stack.reset(this.#id);
    }
    this.#closed = true;
    super._destroy(error, done);
  }
}
