import { closedPipe } from '../errors/ending.ts';
import { hostError } from '../errors/host-error.ts';

/**
 * Writes to one of our output streams and waits until it took the data, so that a slow reader slows the guest down.
 *
 * @throws Ending when nobody reads any more
 * @throws IoError when it cannot be written
 */
export function writeStream(stream: NodeJS.WriteStream, data: Uint8Array): Promise<void> {
  if (stream.listenerCount('error') === 0) {
    // The callback below reports it; without a listener it would end the process.
    stream.on('error', () => {});
  }
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (!error) resolve();
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') reject(closedPipe());
      else reject(hostError(stream === process.stderr ? 'standard error' : 'standard output', error));
    });
  });
}
