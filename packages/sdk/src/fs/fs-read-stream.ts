import type { AgentStream } from '@microsandbox/protocol';
import { chunksOf, collectChunks } from './collect-chunks.ts';
import type { FsLease } from './fs-access.ts';
import { resultOf } from './fs-connection.ts';
import { fsError } from './fs-error.ts';

/**
 * Bytes asked for at a time. A second such window is asked for when half of the first is there, so a reader that
 * pauses has at most two of them in memory, and nothing of it waits in relay or guest.
 */
export const READ_WINDOW_BYTES = 1 << 20;

/**
 * A file of the guest, piece by piece. A reader that pauses costs two MiB at most. Dispose of it when it is not
 * read to its end.
 *
 * @example
 * await using stream = await sandbox.fs().readStream('/var/log/big');
 * for await (const chunk of stream) hash.update(chunk);
 */
export class FsReadStream implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #lease: FsLease;
  readonly #handle: bigint;
  /** Calls of its `next()` queue up, so readers need no lock. */
  readonly #chunks: AsyncGenerator<Uint8Array, void, void>;
  #done = false;
  #released: Promise<void> | undefined;

  /** @internal Use `SandboxFsOps.readStream()`. */
  constructor(lease: FsLease, handle: bigint) {
    this.#lease = lease;
    this.#handle = handle;
    this.#chunks = this.#read();
  }

  /**
   * The next piece, or null at the end.
   *
   * @throws SandboxFsOpsError when the guest cannot go on reading
   * @throws AgentLostError when the sandbox goes away first
   */
  async recv(): Promise<Uint8Array | null> {
    if (this.#done) return null;
    try {
      const { done, value } = await this.#chunks.next();
      if (!done) return value;
    } catch (error) {
      // Whoever disposed of the stream knows why it ends.
      if (!this.#done) throw error;
    }
    this.#done = true;
    return null;
  }

  /**
   * Everything from here to the end.
   *
   * @throws SandboxFsOpsError when that is more than fits in memory
   */
  collect(): Promise<Uint8Array> {
    return collectChunks(this);
  }

  /** Pieces from here on; leaving the loop does not close the stream. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    return chunksOf(this);
  }

  /** Closes the file. Repeatable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#done = true;
    await this.#release();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, void> {
    let next: Promise<AgentStream> | undefined;
    try {
      for (let offset = 0; ; offset += READ_WINDOW_BYTES) {
        const window = await (next ?? this.#request(offset));
        next = undefined;
        let received = 0;
        for await (const message of window) {
          if (message.type !== 'core.fs.data') {
            resultOf(message);
            break;
          }
          const { data } = message.payload;
          received += data.length;
          if (received > READ_WINDOW_BYTES) throw fsError('the guest sent more than it was asked for');
          if (received >= READ_WINDOW_BYTES / 2) next ??= this.#request(offset + READ_WINDOW_BYTES);
          yield data;
        }
        if (received < READ_WINDOW_BYTES) return;
      }
    } finally {
      // A window that was asked for in vain; its fate is nobody's concern.
      next?.then((window) => window.close()).catch(() => {});
      await this.#release();
    }
  }

  #request(offset: number): Promise<AgentStream> {
    const window = this.#lease.connection.stream({
      kind: 'Read',
      handle: this.#handle,
      offset,
      len: READ_WINDOW_BYTES,
    });
    // Awaited only later; until then a failure must not count as unhandled.
    window.catch(() => {});
    return window;
  }

  /** A file that was read whole is no failure, even if closing it is one. */
  #release(): Promise<void> {
    this.#released ??= this.#lease.connection
      .closeHandle(this.#handle)
      .catch(() => {})
      .then(() => this.#lease.release());
    return this.#released;
  }
}
