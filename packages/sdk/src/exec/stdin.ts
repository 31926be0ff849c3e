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

/** Bytes of a text or a view. */
export function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
