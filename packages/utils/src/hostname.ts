import { createHash } from 'node:crypto';
import { InvalidConfigError } from '@microsandbox/types';

/** Longest host name that Linux takes, in bytes. */
export const MAX_HOSTNAME_BYTES = 64;

/** What is left for the name's own prefix beside `-` and 8 hex digits. */
const PREFIX_BYTES = 55;

/**
 * Host name of a sandbox that was given none: its name, or, when that is too long, a prefix ending on a
 * character boundary, `-` and the start of the name's SHA-256 (spec: state 9).
 */
export function deriveHostname(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_HOSTNAME_BYTES) return name;
  let end = PREFIX_BYTES;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  return `${bytes.subarray(0, end).toString()}-${hash}`;
}

/**
 * Checks an explicit host name; null and undefined mean "derive it".
 *
 * @throws InvalidConfigError
 */
export function validateHostname(hostname: string | null | undefined): void {
  if (hostname === null || hostname === undefined) return;
  if (hostname === '') throw new InvalidConfigError('invalid config: hostname must not be empty');
  const bytes = Buffer.byteLength(hostname);
  if (bytes > MAX_HOSTNAME_BYTES) {
    throw new InvalidConfigError(
      `invalid config: hostname is too long: ${bytes} bytes (max ${MAX_HOSTNAME_BYTES})`,
    );
  }
}
