/** What a program reads. */
export type StdinMode =
  | { readonly kind: 'null' }
  | { readonly kind: 'pipe' }
  | { readonly kind: 'bytes'; readonly data: Uint8Array };

/** Makes {@link StdinMode}s. */
export const Stdin = {
  null: (): StdinMode => ({ kind: 'null' }),
  pipe: (): StdinMode => ({ kind: 'pipe' }),
  bytes: (data: Uint8Array | string): StdinMode => ({ kind: 'bytes', data: toBytes(data) }),
};

/**
 * Bytes of a text or a view.
 *
 * @throws TypeError for anything else, of which nothing would be written
 */
export function toBytes(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  throw new TypeError(`data must be a string or a Uint8Array, got ${typeof data}`);
}
