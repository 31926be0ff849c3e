import { type ByteName, nameBytes } from './byte-name.ts';

/** The path of what is called `names` below `root` in a guest. */
export function guestPathOf(root: string, names: readonly ByteName[]): Buffer {
  if (names.length === 0) return Buffer.from(root);
  return Buffer.concat([Buffer.from(root.endsWith('/') ? root : `${root}/`), nameBytes(names.join('/'))]);
}
