import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Receiver } from '@microsandbox/protocol';

const NOBODY: Receiver = { room: () => Buffer.alloc(1), receive: () => {} };

/**
 * A socket that reads its bytes to where a {@link Receiver} says, and emits no `data`. Nothing is read before it has
 * one.
 */
export class ReceivingSocket extends Socket {
  readonly #line: { receiver: Receiver };

  /** Uses a connected descriptor. */
  constructor(fd: number) {
    const line = { receiver: NOBODY };
    super({
      fd,
      onread: {
        buffer: () => line.receiver.room(),
        callback: (count, bytes) => {
          line.receiver.receive(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    this.#line = line;
    // It would read as soon as it is made.
    this.pause();
  }

  receiveWith(receiver: Receiver): void {
    this.#line.receiver = receiver;
    this.resume();
  }
}

/** Not by `instanceof`: the two bundles of the sandbox process have a class of their own each. */
export function isReceivingSocket(stream: Duplex): stream is ReceivingSocket {
  return 'receiveWith' in stream;
}
