import { Socket } from 'node:net';
import { InvalidConfigError, type LaunchConfig, launchConfigSchema } from '@microsandbox/types';

/** A launch configuration is a few KiB; environment and scripts can make it larger. */
const MAX_LAUNCH_BYTES = 16 * 1024 * 1024;

/**
 * Reads the launch configuration from a descriptor to its end.
 *
 * @throws InvalidConfigError `invalid launch config: ...`
 */
export async function readLaunchConfig(fd: number): Promise<LaunchConfig> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of new Socket({ fd, readable: true, writable: false })) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_LAUNCH_BYTES) throw new InvalidConfigError('invalid launch config: too large');
  }
  return parseLaunchConfig(Buffer.concat(chunks).toString('utf8'));
}

/** Checks the text of a launch configuration. */
export function parseLaunchConfig(text: string): LaunchConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidConfigError(`invalid launch config: ${(cause as Error).message}`, { cause });
  }
  const parsed = launchConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new InvalidConfigError(`invalid launch config: ${where}: ${issue?.message ?? 'invalid'}`);
}
