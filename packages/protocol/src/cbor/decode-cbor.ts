import { ProtocolError } from '@microsandbox/types';
import { decode } from 'cborg';
import { TolerantTokenizer } from './tolerant-tokenizer.ts';

/**
 * Reads exactly one CBOR item. Maps become `Map`s, byte strings views of `bytes`, floats {@link CborFloat}s, integers
 * beyond 2^53 `bigint`s.
 *
 * @throws ProtocolError when the bytes are not CBOR, nest too deeply or hold too many items.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  // A buffer's slices share its memory, which saves a copy of each byte string, and the garbage of it.
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return decode(data, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      tokenizer: new TolerantTokenizer(data),
    });
  } catch (error) {
    throw new ProtocolError(`cbor decode error: ${(error as Error).message}`, { cause: error });
  }
}
