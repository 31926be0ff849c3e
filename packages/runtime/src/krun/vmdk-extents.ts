import { dirname, resolve } from 'node:path';

/** `RW <sectors> FLAT "<path>" <offset>` of a VMDK descriptor. */
const EXTENT = /^(?:RW|RDONLY) \d+ FLAT "([^"]*)"/gm;

/** Absolute paths of the files that a VMDK descriptor joins, each once. */
export function vmdkExtents(descriptor: string, descriptorPath: string): string[] {
  const folder = dirname(descriptorPath);
  return [...new Set([...descriptor.matchAll(EXTENT)].map(([, path = '']) => resolve(folder, path)))];
}
