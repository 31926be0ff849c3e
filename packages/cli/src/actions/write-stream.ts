import { closedPipe } from '../errors/ending.ts';

/**
 * Writes to one of our output streams and waits until it took the data, so that a slow reader slows the guest down.
 *
 * @throws Ending when nobody reads any more
 */
export function writeStream(stream: NodeJS.WriteStream, data: Uint8Array): Promise<void> {
  if (stream.listenerCount('error') === 0) {
    // The callback below reports it; without a listener it would end the process.
    stream.on('error', () => {});
  }
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (!error) resolve();
      else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? closedPipe() : error);
    });
  });
}
