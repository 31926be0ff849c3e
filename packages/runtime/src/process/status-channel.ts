import { Socket } from 'node:net';
import type { StatusMessage } from './status-message.ts';

/**
 * The way back to whoever started this process: JSON lines on a descriptor. The starter may be gone at any time,
 * so a line that cannot be delivered is dropped.
 */
export class StatusChannel {
  readonly #socket: Socket;

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', () => {});
  }

  /** Sends one line; the descriptor is closed after the last one, which is `ready` or `error`. */
  send(message: StatusMessage): void {
    if (!this.#socket.writable) return;
    this.#socket.write(`${JSON.stringify(message)}\n`);
    if ('ready' in message || 'error' in message) this.#socket.destroySoon();
  }

  /** Sends what is queued and closes the descriptor. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.once('close', () => resolve()).destroySoon();
    });
  }
}
