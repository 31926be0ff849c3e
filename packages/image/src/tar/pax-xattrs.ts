import { ImageError } from '@microsandbox/types';
import { NO_XATTRS, type Xattrs } from '../tree/nodes.ts';
import { quotePath } from '../tree/quote-path.ts';

const KEY_PREFIX = 'SCHILY.xattr.';

/** Families that EROFS can store and a container may use. */
const FAMILY = /^(?:security|user|trusted)\../s;

/** The overlay driver's own names: only whiteout members may say such things about a layer. */
const OVERLAY_FAMILY = 'trusted.overlay.';

/** Linux: XATTR_NAME_MAX, XATTR_SIZE_MAX (64 KiB, but EROFS stores the size in 16 bits), and what listxattr can return. */
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 65_535;
const MAX_TOTAL_BYTES = 65_536;

/** Extended attributes of a member: `SCHILY.xattr.NAME` records, as GNU tar, star, buildah and docker write them. */
export function paxXattrs(records: ReadonlyMap<string, Buffer>, path: string): Xattrs {
  let xattrs: Map<string, Buffer> | undefined;
  let total = 0;
  for (const [key, value] of records) {
    if (!key.startsWith(KEY_PREFIX)) continue;
    const name = key.slice(KEY_PREFIX.length);
    if (!FAMILY.test(name) || name.startsWith(OVERLAY_FAMILY)) continue;
    total += name.length + value.length;
    if (name.length > MAX_NAME_BYTES || value.length > MAX_VALUE_BYTES || total > MAX_TOTAL_BYTES) {
      throw new ImageError(`extended attributes too large: ${quotePath(path)}`);
    }
    xattrs ??= new Map();
    xattrs.set(name, Buffer.from(value));
  }
  return xattrs ?? NO_XATTRS;
}
