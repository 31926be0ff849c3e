import { BLOCK_BYTES } from './ext4-format.ts';

const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * The parts of `bytes`, in whole blocks from its start, that are not all zero: what must be written where everything
 * else is a hole.
 */
export function* nonzeroRuns(bytes: Buffer): Generator<{ readonly offset: number; readonly bytes: Buffer }> {
  let start = -1;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, bytes.length);
    const isZero = bytes.compare(ZEROS, 0, end - at, at, end) === 0;
    if (!isZero && start < 0) start = at;
    if (isZero && start >= 0) {
      yield { offset: start, bytes: bytes.subarray(start, at) };
      start = -1;
    }
  }
  if (start >= 0) yield { offset: start, bytes: bytes.subarray(start) };
}
