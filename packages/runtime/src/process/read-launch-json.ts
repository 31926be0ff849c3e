import { Socket } from 'node:net';
import { InvalidConfigError } from '@microsandbox/types';

/** A launch configuration is a few KiB; environment and scripts can make it larger. */
const MAX_LAUNCH_BYTES = 16 * 1024 * 1024;

/**
 * Reads the launch configuration from a descriptor to its end.
 *
 * @throws InvalidConfigError `invalid launch config: ...` when it is no JSON
 */
export async function readLaunchJson(fd: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of new Socket({ fd, readable: true, writable: false })) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_LAUNCH_BYTES) throw new InvalidConfigError('invalid launch config: too large');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new InvalidConfigError(`invalid launch config: ${(cause as Error).message}`, { cause });
  }
}
