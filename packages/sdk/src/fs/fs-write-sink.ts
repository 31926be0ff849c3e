import type { AgentStream } from '@microsandbox/protocol';
import { toBytes } from '../exec/stdin.ts';
import type { FsLease } from './fs-access.ts';
import { resultOf } from './fs-connection.ts';
import { fsError } from './fs-error.ts';

/** Most bytes in one message, and between two confirmations of the guest. */
export const WRITE_WINDOW_BYTES = 1 << 20;

/** Windows that may wait for their confirmation; more would only fill the guest's memory. */
const MAX_UNCONFIRMED = 4;

/** Data of one write request. */
interface WriteWindow {
  readonly stream: AgentStream;
  /** Rejects never; a failure is kept by the sink. */
  readonly confirmed: Promise<void>;
  bytes: number;
}

/**
 * Writes a file of the guest, piece by piece. The data is complete only after {@link close}. A guest that writes
 * slowly makes `write()` wait.
 *
 * @example
 * await using sink = await sandbox.fs().writeStream('/data/big');
 * for await (const chunk of source) await sink.write(chunk);
 * await sink.close();
 */
export class FsWriteSink implements AsyncDisposable {
  readonly #lease: FsLease;
  readonly #handle: bigint;
  readonly #unconfirmed: Promise<void>[] = [];
  #window: WriteWindow | undefined;
  #offset = 0;
  #failure: { readonly error: unknown } | undefined;
  #reported = false;
  #closing: Promise<void> | undefined;
  /** The end of the last write; the next one waits for it. */
  #turn: Promise<void> = Promise.resolve();

  /** @internal Use `SandboxFsOps.writeStream()`. */
  constructor(lease: FsLease, handle: bigint) {
    this.#lease = lease;
    this.#handle = handle;
  }

  /**
   * Resolves when the connection took the data.
   *
   * @throws SandboxFsOpsError when the guest could not write this or something before
   * @throws AgentLostError when the sandbox went away
   */
  async write(data: Uint8Array | string): Promise<void> {
    if (this.#closing !== undefined) throw new Error('write sink already closed');
    const written = this.#turn.then(() => this.#send(toBytes(data)));
    this.#turn = written.catch(() => {});
    await written;
  }

  /**
   * Waits until the guest has written everything. Repeatable.
   *
   * @throws SandboxFsOpsError, AgentLostError
   */
  async close(): Promise<void> {
    try {
      await this.#settled();
    } catch (error) {
      this.#reported = true;
      throw error;
    }
  }

  /** Closes; a failure that was reported already is not thrown again. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reported = this.#reported;
    await this.#settled().catch((error: unknown) => {
      if (!reported) throw error;
    });
  }

  #settled(): Promise<void> {
    this.#closing ??= this.#turn.then(() => this.#finish());
    return this.#closing;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      this.#throwFailure();
      try {
        this.#window ??= await this.#open();
        const piece = bytes.subarray(at, at + WRITE_WINDOW_BYTES - this.#window.bytes);
        await this.#window.stream.send('core.fs.data', { data: piece });
        at += piece.length;
        this.#offset += piece.length;
        this.#window.bytes += piece.length;
        if (this.#window.bytes === WRITE_WINDOW_BYTES) await this.#endWindow(this.#window);
      } catch (error) {
        this.#failure ??= { error };
      }
    }
    this.#throwFailure();
  }

  async #open(): Promise<WriteWindow> {
    while (this.#unconfirmed.length >= MAX_UNCONFIRMED) await this.#unconfirmed.shift();
    const stream = await this.#lease.connection.stream({
      kind: 'Write',
      handle: this.#handle,
      offset: this.#offset,
      len: null,
    });
    const confirmed = confirmation(stream).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    return { stream, confirmed, bytes: 0 };
  }

  async #endWindow({ stream, confirmed }: WriteWindow): Promise<void> {
    this.#window = undefined;
    this.#unconfirmed.push(confirmed);
    await stream.send('core.fs.data', { data: new Uint8Array() });
  }

  async #finish(): Promise<void> {
    try {
      if (this.#failure === undefined) {
        if (this.#window !== undefined) await this.#endWindow(this.#window);
        await Promise.all(this.#unconfirmed);
        this.#throwFailure();
      }
      await this.#lease.connection.closeHandle(this.#handle);
      this.#throwFailure();
    } finally {
      await this.#lease.release();
    }
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return;
    this.#reported = true;
    throw this.#failure.error;
  }
}

/** Waits for the guest's word on a write request. */
async function confirmation(stream: AgentStream): Promise<void> {
  for await (const message of stream) {
    resultOf(message);
    return;
  }
  throw fsError('channel closed before response');
}
