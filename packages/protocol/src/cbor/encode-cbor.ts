import { ProtocolError } from '@microsandbox/types';
import { encode } from 'cborg';

/**
 * Writes one CBOR item the way the reference encoder does: definite lengths, shortest integers, map keys in the
 * order they stand in the object, `Uint8Array` as a byte string.
 *
 * @throws ProtocolError when the value has no CBOR form.
 */
export function encodeCbor(value: unknown): Buffer {
  try {
    const bytes = encode(value, { mapSorter: keepOrder });
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    throw new ProtocolError(`cbor encode error: ${(error as Error).message}`, { cause: error });
  }
}

/** Sorting is stable, so equal weights keep the order of declaration. */
function keepOrder(): number {
  return 0;
}
