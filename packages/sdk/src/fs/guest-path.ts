/**
 * A path in a guest. Names on Linux are bytes, most of them UTF-8 text; one that is not is given as its bytes.
 *
 * @example
 * for (const entry of await fs.list('/data')) await fs.remove(entry.pathBytes ?? entry.path);
 */
export type GuestPath = string | Uint8Array;
