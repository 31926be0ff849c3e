/** Device number as EROFS stores it (Linux: new_encode_dev). */
export function encodeDeviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** Takes `i_rdev` apart: the form of the kernel's `new_decode_dev`. */
export function decodeDeviceNumber(encoded: number): { readonly major: number; readonly minor: number } {
  return {
    major: (encoded >>> 8) & 0xfff,
    minor: ((encoded & 0xff) | ((encoded >>> 12) & 0xffff_ff00)) >>> 0,
  };
}
