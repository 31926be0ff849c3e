import { createHash } from 'node:crypto';

/** Readable characters kept of the guest path, so that a tag fits a 20-byte serial. */
const READABLE_CHARS = 11;

/** Tag of a shared folder and serial of a mounted disk: `/var/lib/docker` gives `var_lib_doc_ce73cd33`. */
export function guestMountTag(guestPath: string): string {
  const readable = guestPath.replaceAll('/', '_').replace(/^_+/, '');
  const hash = createHash('sha256').update(guestPath).digest('hex').slice(0, 8);
  return `${[...readable].slice(0, READABLE_CHARS).join('')}_${hash}`;
}
