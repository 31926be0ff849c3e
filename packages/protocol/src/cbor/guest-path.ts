import { isUtf8 } from 'node:buffer';
import { type Codec, shapeError } from './codec.ts';

/**
 * A path of the guest as a request names it. Unix names are bytes; the protocol's are text. One that is no UTF-8
 * travels as a byte string, which only agents with the extension `binary-paths` take.
 */
export const guestPath: Codec<string | Uint8Array> = {
  encode: (value) => (isBinaryPath(value) ? value : guestPathText(value)),
  decode: (value) => {
    if (typeof value === 'string') return value;
    if (!(value instanceof Uint8Array)) throw shapeError('text or bytes', value);
    return new Uint8Array(value);
  },
};

/** Whether a path is no text. */
export function isBinaryPath(path: string | Uint8Array): path is Uint8Array {
  return typeof path !== 'string' && !isUtf8(path);
}

/** The path for people; bytes that are no text are replaced. */
export function guestPathText(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString();
}
