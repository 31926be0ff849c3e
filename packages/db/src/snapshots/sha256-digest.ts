import { createHash } from 'node:crypto';

/** `sha256:` and 64 hexadecimal digits. */
export function sha256Digest(data: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
