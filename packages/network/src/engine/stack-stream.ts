import { Duplex } from 'node:stream';
import { type NetworkStack, STREAM_WINDOW_BYTES } from '@microsandbox/native';

/** What a stream needs of the stack. */
export type StreamStack = Pick<NetworkStack, 'write' | 'consumed' | 'end' | 'close' | 'reset' | 'splice'>;

/** Most bytes with which a connection can be given back. */
const MAX_REPLAY_BYTES = 64 * 1024;
/** Most bytes in one call to the stack. */
const WRITE_CHUNK_BYTES = 64 * 1024;

/**
 * A TCP connection of the guest as a Node stream. Bytes that nobody reads stay where they are: the stack gets its
 * credit back only for what was read, and closes the guest's window. Both sides can be closed by themselves; destroying
 * the stream with an error resets the connection, without one closes it.
 */
export class StackStream extends Duplex {
  readonly #stack: StreamStack;
  readonly #id: number;
  readonly #received: Buffer[] = [];
  #ended = false;
  /** The reader has room. */
  #wanted = false;
  /** The stack has given the connection up; nothing may be said about it any more. */
  #closed = false;
  #credit = STREAM_WINDOW_BYTES;
  #unsent: { readonly chunk: Buffer; readonly done: (error?: Error | null) => void } | null = null;

  constructor(stack: StreamStack, id: number) {
    super({ allowHalfOpen: true });
    this.#stack = stack;
    this.#id = id;
  }

  /** Bytes from the guest. */
  receive(data: Buffer): void {
    if (this.destroyed) {
      this.#consumed(data.length);
      return;
    }
    this.#received.push(data);
    this.#flow();
  }

  /** The guest sends nothing more. */
  receiveEnd(): void {
    this.#ended = true;
    this.#flow();
  }

  /** The stack took bytes. */
  grant(bytes: number): void {
    this.#credit += bytes;
    const unsent = this.#unsent;
    this.#unsent = null;
    if (unsent !== null) this.#send(unsent.chunk, unsent.done);
  }

  /** The connection is over on the guest's side. */
  stackClosed(reason: 'finished' | 'reset'): void {
    this.#closed = true;
    if (reason === 'reset')
      this.destroy(Object.assign(new Error('connection reset'), { code: 'ECONNRESET' }));
    else this.receiveEnd();
    // What could not be sent never will be.
    this.#unsent?.done(Object.assign(new Error('connection closed'), { code: 'EPIPE' }));
    this.#unsent = null;
  }

  /**
   * Gives the connection back to the stack, which connects it to its destination and looks at it no more. Only as
   * long as nothing was written.
   *
   * @param read what was read from this stream, all of it
   * @returns false when too much has come to be sent again; nothing has changed then
   */
  giveBack(read: Buffer): boolean {
    const unread = this.readableLength + this.#received.reduce((sum, { length }) => sum + length, 0);
    if (read.length + unread > MAX_REPLAY_BYTES) return false;
    const parts = [read];
    for (let part = this.read(); part !== null; part = this.read()) parts.push(part as Buffer);
    if (!this.#closed) this.#stack.splice(this.#id, Buffer.concat([...parts, ...this.#received]));
    this.#closed = true;
    this.destroy();
    return true;
  }

  override _read(): void {
    this.#wanted = true;
    this.#flow();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#closed) this.#stack.end(this.#id);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#closed) {
      if (error === null) this.#stack.close(this.#id);
      else this.#stack.reset(this.#id);
    }
    this.#closed = true;
    this.#received.length = 0;
    done(error);
  }

  /** Hands over what was received, as long as the reader has room. */
  #flow(): void {
    while (this.#wanted) {
      const chunk = this.#received.shift();
      if (chunk === undefined) break;
      this.#wanted = this.push(chunk);
      this.#consumed(chunk.length);
    }
    if (this.#ended && this.#received.length === 0) this.push(null);
  }

  #consumed(bytes: number): void {
    if (!this.#closed) this.#stack.consumed(this.#id, bytes);
  }

  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    let rest = chunk;
    while (rest.length > 0 && this.#credit > 0 && !this.#closed) {
      const piece = rest.subarray(0, Math.min(rest.length, this.#credit, WRITE_CHUNK_BYTES));
      this.#credit -= piece.length;
      this.#stack.write(this.#id, piece);
      rest = rest.subarray(piece.length);
    }
    if (rest.length === 0) done();
    else if (this.#closed) done(Object.assign(new Error('connection closed'), { code: 'EPIPE' }));
    else this.#unsent = { chunk: rest, done };
  }
}
