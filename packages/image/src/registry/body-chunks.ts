import type { Readable } from 'node:stream';

/** How much of a body may wait for its reader, bytes. */
const HIGH_WATER_BYTES = 256 * 1024;

/** A floor for the speed of a sender. */
export interface SpeedFloor {
  /** Time spent waiting for the sender after which is looked, milliseconds. */
  readonly windowMs: number;
  /** Bytes that must have come in that time. */
  readonly bytes: number;
}

export const DEFAULT_SPEED_FLOOR: SpeedFloor = { windowMs: 60_000, bytes: 64 * 1024 };

/** Thrown by {@link bodyChunks} when a sender is slower than its floor. */
export class TooSlowError extends Error {}

/**
 * The chunks of a stream as they come, without joining them as the stream's own iterator does. Reads ahead a little,
 * so that sender and reader work at once. Leaving the loop early destroys the stream.
 */
export async function* bodyChunks(
  body: Readable,
  floor = DEFAULT_SPEED_FLOOR,
): AsyncGenerator<Buffer, void, void> {
  const queue: Buffer[] = [];
  let queuedBytes = 0;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;
  body.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    queuedBytes += chunk.length;
    if (queuedBytes >= HIGH_WATER_BYTES) body.pause();
    wake();
  });
  body.once('end', () => {
    ended = true;
    wake();
  });
  body.once('error', (error) => {
    failure = { error };
    wake();
  });
  body.once('close', () => {
    if (!ended) failure ??= { error: new Error('the connection was closed') };
    wake();
  });
  const speed = new SpeedWatch(floor);
  try {
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) {
        queuedBytes -= chunk.length;
        if (body.isPaused() && queuedBytes < HIGH_WATER_BYTES / 2) body.resume();
        speed.received(chunk.length);
        yield chunk;
      } else if (failure !== undefined) {
        throw failure.error;
      } else if (ended) {
        return;
      } else {
        await speed.waiting(
          new Promise<void>((resolve) => {
            wake = resolve;
          }),
        );
      }
    }
  } finally {
    body.on('error', () => undefined);
    body.destroy();
  }
}

/** Counts only the time in which the reader waited: a slow reader is not the sender's fault. */
class SpeedWatch {
  readonly #floor: SpeedFloor;
  #waitedMs = 0;
  #bytes = 0;

  constructor(floor: SpeedFloor) {
    this.#floor = floor;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#waitedMs < this.#floor.windowMs) return;
    if (this.#bytes < this.#floor.bytes) {
      throw new TooSlowError(`only ${this.#bytes} bytes came in ${Math.round(this.#waitedMs / 1000)} s`);
    }
    this.#waitedMs = this.#bytes = 0;
  }

  async waiting(arrival: Promise<void>): Promise<void> {
    const started = performance.now();
    await arrival;
    this.#waitedMs += performance.now() - started;
  }
}
