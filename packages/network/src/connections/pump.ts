import type { Duplex } from 'node:stream';

/**
 * Moves bytes from one stream to another until the first ends, then ends the other. Reads no more than the other takes.
 *
 * @param transform what becomes of the bytes; may throw to stop
 * @param flush what is still to be sent at the end
 * @throws Error when either breaks, or what `transform` throws
 */
export function pump(
  from: Duplex,
  to: Duplex,
  transform: (chunk: Buffer) => Buffer = (chunk) => chunk,
  flush: () => Buffer = () => Buffer.alloc(0),
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      from.off('data', onData).off('end', onEnd).off('error', fail).off('close', fail);
      to.off('drain', onDrain).off('finish', onFinish).off('error', fail).off('close', fail);
    };
    const fail = (error?: Error): void => {
      settle();
      from.pause();
      reject(error ?? from.errored ?? to.errored ?? new Error('the connection was closed'));
    };
    const attempt = (produce: () => Buffer): Buffer | null => {
      try {
        return produce();
      } catch (error) {
        fail(error as Error);
        return null;
      }
    };
    const onData = (chunk: Buffer): void => {
      const out = attempt(() => transform(chunk));
      if (out !== null && out.length > 0 && !to.write(out)) from.pause();
    };
    const onDrain = (): void => void from.resume();
    const onFinish = (): void => {
      settle();
      resolve();
    };
    const onEnd = (): void => {
      from.off('close', fail);
      const out = attempt(flush);
      if (out !== null) to.end(out);
    };
    from.on('data', onData).once('end', onEnd).once('error', fail).once('close', fail);
    to.on('drain', onDrain).once('finish', onFinish).once('error', fail).once('close', fail);
    // What has happened before is not told again.
    if (to.destroyed) fail();
    else if (from.readableEnded) onEnd();
    else if (from.destroyed) fail();
  });
}
