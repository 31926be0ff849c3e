import type { Duplex } from 'node:stream';

export interface PeekOptions {
  readonly limitBytes: number;
  /** Null to wait for ever. */
  readonly timeoutMs: number | null;
  /** Whether what has come is enough. */
  readonly isEnough: (bytes: Buffer) => boolean;
}

/**
 * The first bytes of a stream: until they are enough or too many, the time is over, or the stream ends. They are taken
 * out of it; what follows stays.
 *
 * @throws Error when the stream breaks
 */
export function peek(stream: Duplex, { limitBytes, timeoutMs, isEnough }: PeekOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = (): void => {
      clearTimeout(timer);
      stream.off('readable', take).off('end', done).off('close', broken).off('error', reject);
    };
    const done = (): void => {
      settle();
      resolve(bytes);
    };
    const broken = (): void => {
      settle();
      reject(stream.errored ?? new Error('the connection was closed'));
    };
    const take = (): void => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        bytes = Buffer.concat([bytes, chunk as Buffer]);
        if (bytes.length >= limitBytes || isEnough(bytes)) {
          done();
          return;
        }
      }
    };
    const timer = timeoutMs === null ? undefined : setTimeout(done, timeoutMs);
    stream.on('readable', take).once('end', done).once('close', broken).once('error', broken);
    if (stream.readableEnded) done();
    else if (stream.destroyed) broken();
  });
}
