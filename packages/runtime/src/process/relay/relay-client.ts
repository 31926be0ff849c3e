import type { Socket } from 'node:net';
import {
  type DecodedFrame,
  encodeClientPrologue,
  encodeMessageFrame,
  FrameReceiver,
  type RelayIdRange,
  relayIdRange,
} from '@microsandbox/protocol';
import { ClientOutbox, type OutboxOptions } from './client-outbox.ts';
import { ReusedMemory } from './reused-memory.ts';

/** What a {@link RelayClient} tells. */
export interface RelayClientEvents {
  /** The frame's bytes are written to again afterwards, unless {@link RelayClient.holdMemory} is called. */
  onFrame(frame: DecodedFrame): void;
  /** Called once, whoever ended the connection. */
  onGone(): void;
}

/** One connection to `agent.sock` with its range of correlation ids. */
export class RelayClient {
  readonly slot: number;
  readonly range: RelayIdRange;
  readonly #socket: Socket;
  readonly #memory = new ReusedMemory();
  readonly #receiver = new FrameReceiver(this.#memory);
  readonly #outbox: ClientOutbox;
  #paused = false;

  constructor(socket: Socket, slot: number, outbox: OutboxOptions) {
    this.slot = slot;
    this.range = relayIdRange(slot);
    this.#socket = socket;
    this.#outbox = new ClientOutbox(socket, outbox);
  }

  /** Sends the prologue and takes frames from now on. */
  start(readyFrame: Buffer, events: RelayClientEvents): void {
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk, events));
    this.#socket.on('error', () => {});
    this.#socket.once('close', () => {
      this.#outbox.close();
      events.onGone();
    });
    this.#socket.write(encodeClientPrologue(this.range, readyFrame));
    if (!this.#paused) this.#socket.resume();
  }

  /** Queues a whole frame, which lies in the guest's memory until the next {@link flush}. */
  deliver(bytes: Buffer): void {
    this.#outbox.push(bytes);
  }

  /** Writes what was queued, and sees to it that what the socket does not take at once is kept. */
  flush(): void {
    this.#outbox.flush();
  }

  /** Keeps the memory of the frame that is being told, until the returned function is called. */
  holdMemory(): () => void {
    return this.#memory.hold();
  }

  /** Answers a frame that the guest must not see. */
  refuse(id: number, reason: { kind: string; message: string; type: string | null }): void {
    const { kind, message, type: offendingType } = reason;
    this.#outbox.push(encodeMessageFrame(id, 'core.error', { kind, message, offendingType }));
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer, events: RelayClientEvents): void {
    this.#receiver.push(chunk);
    try {
      for (let frame = this.#receiver.next(); frame !== null; frame = this.#receiver.next()) {
        if (this.#socket.destroyed) return;
        events.onFrame(frame);
      }
    } catch {
      // Out of step with the client: nothing behind a broken frame can be trusted.
      this.#socket.destroy();
    }
  }
}
