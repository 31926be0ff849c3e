import type { Socket } from 'node:net';
import { SpoolFile } from './spool-file.ts';

/** Bytes that wait in memory for a client before they go to disk. */
const MEMORY_BYTES = 1024 * 1024;
/** Bytes that may wait to be written to disk; then the guest has to wait a moment. */
const HOLD_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
/** Unread bytes from which the guest is asked to hold this client's output: what is on the way still fits memory … */
const HIGH_BYTES = 512 * 1024;
/** … and below which it may go on, while the client still has something to read. */
const LOW_BYTES = 128 * 1024;

/** What an outbox needs from its surroundings. */
export interface OutboxOptions {
  /** Folder for what does not fit into memory. */
  readonly spoolDir: string;
  /** Most unread bytes; a client that has more is cut off. */
  readonly limitBytes: number;
  /** Stops reading from the guest until the returned function is called. */
  hold(): () => void;
  /** Keeps the memory of frames that were pushed last, until the returned function is called. */
  holdMemory(): () => void;
  /** So much waits that the guest should stop this client's output; false when it may go on. */
  onBacklog(isHigh: boolean): void;
  /** The client read nothing for too long, or its bytes could not be kept. */
  onOverflow(reason: string): void;
}

/**
 * Bytes on their way to one client. All clients share the guest's one stream, so a client that does not read
 * must not stop it: what it leaves unread goes from memory to disk, up to a limit, and other clients notice
 * nothing (protocol section 22, trap 5). Before it comes to that, our own agent is asked to hold this client's output,
 * so that its programs wait; disk is for what was on its way, the limit for agents that cannot.
 */
export class ClientOutbox {
  readonly #socket: Socket;
  readonly #options: OutboxOptions;
  /** What the next {@link flush} writes; frames that lie one behind the other are one piece. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Pieces that come after everything on disk. */
  #late: Buffer[] = [];
  #lateBytes = 0;
  #spool: SpoolFile | null = null;
  #pump: Promise<void> | null = null;
  #release: (() => void) | null = null;
  /** Ends a wait for the socket early. */
  #wake: (() => void) | null = null;
  #closed = false;
  #isHigh = false;

  constructor(socket: Socket, options: OutboxOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Queues one whole frame. It is flushed soon; in time if its memory is not used again before that. */
  push(bytes: Buffer): void {
    if (this.#closed) return;
    if (this.#pump === null && this.#hasRoom(bytes)) {
      if (this.#pending.length === 0) process.nextTick(() => this.flush());
      this.#append(bytes);
      return;
    }
    // A copy, since it may wait for long, and its memory is used again.
    this.#late.push(Buffer.from(bytes));
    this.#lateBytes += bytes.length;
    if (this.#waiting > this.#options.limitBytes) {
      this.#overflow('it left too much unread');
      return;
    }
    this.#watchBacklog();
    if (this.#lateBytes > HOLD_BYTES) this.#release ??= this.#options.hold();
    this.#wake?.();
    this.#pump ??= this.#run();
  }

  /** Writes all frames of one read of the guest by one call: the client is then woken once for them. */
  flush(): void {
    const last = this.#pending.pop();
    if (last === undefined) return;
    const rest = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    let release: (() => void) | null = null;
    if (rest.length > 0) this.#socket.cork();
    for (const piece of rest) this.#socket.write(piece);
    this.#socket.write(last, () => {
      release?.();
      this.#watchBacklog();
    });
    if (rest.length > 0) this.#socket.uncork();
    // As a rule the system took it all.
    if (this.#socket.writableLength > 0) release = this.#options.holdMemory();
    this.#watchBacklog();
  }

  /** Whether the socket may have one more frame; what is pending is written for it. */
  #hasRoom(bytes: Buffer): boolean {
    const fits = (): boolean =>
      this.#socket.writableLength + this.#pendingBytes + bytes.length <= MEMORY_BYTES;
    if (fits()) return true;
    this.flush();
    return fits() || this.#socket.writableLength === 0;
  }

  #append(bytes: Buffer): void {
    this.#pendingBytes += bytes.length;
    const last = this.#pending.at(-1);
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      const joined = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
      this.#pending[this.#pending.length - 1] = joined;
    } else {
      this.#pending.push(bytes);
    }
  }

  /** Bytes beyond what the socket holds. */
  get #waiting(): number {
    return this.#lateBytes + (this.#spool?.length ?? 0);
  }

  #watchBacklog(): void {
    const unread = this.#socket.writableLength + this.#waiting;
    const isHigh = unread > (this.#isHigh ? LOW_BYTES : HIGH_BYTES);
    if (isHigh === this.#isHigh || this.#closed) return;
    this.#isHigh = isHigh;
    this.#options.onBacklog(isHigh);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#late = [];
    this.#lateBytes = 0;
    this.#letGo();
    this.#wake?.();
    if (this.#pump === null) void this.#closeSpool();
  }

  /** Moves bytes memory to disk to socket until nothing waits. */
  async #run(): Promise<void> {
    try {
      this.#spool ??= await SpoolFile.create(this.#options.spoolDir);
      while (!this.#closed && (this.#late.length > 0 || this.#spool.length > 0)) {
        await this.#spoolLate(this.#spool);
        await this.#feed(this.#spool);
      }
    } catch (error) {
      this.#overflow(`its output could not be kept: ${(error as Error).message}`);
    } finally {
      this.#pump = null;
      if (this.#closed) await this.#closeSpool();
    }
  }

  async #closeSpool(): Promise<void> {
    const spool = this.#spool;
    this.#spool = null;
    await spool?.close().catch(() => {});
  }

  async #spoolLate(spool: SpoolFile): Promise<void> {
    while (this.#late.length > 0 && !this.#closed) {
      const batch = Buffer.concat(this.#late);
      this.#late = [];
      this.#lateBytes = 0;
      this.#letGo();
      await spool.write(batch);
    }
  }

  /** Gives the socket its next piece once it has room. */
  async #feed(spool: SpoolFile): Promise<void> {
    if (this.#socket.writableNeedDrain) await this.#drained();
    // Woken early, for new pieces to go to disk: the socket has no room yet.
    if (this.#closed || spool.length === 0 || this.#socket.writableNeedDrain) return;
    this.#socket.write(await spool.read(READ_BYTES), () => this.#watchBacklog());
  }

  /** Resolves when the socket drained or closed, or when new pieces should go to disk meanwhile. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#wake = null;
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#wake = done;
      this.#socket.once('drain', done).once('close', done);
    });
  }

  #overflow(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.onOverflow(reason);
  }

  #letGo(): void {
    this.#release?.();
    this.#release = null;
  }
}
