import { ImageError } from '@microsandbox/types';
import { quotePath } from '../tree/quote-path.ts';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * What a member's name says about lower layers (OCI image spec, "Whiteouts"): the name that it deletes, that the
 * directory around it hides all of theirs, or null when it is an ordinary name.
 */
export type Whiteout = { readonly kind: 'opaque' } | { readonly kind: 'delete'; readonly name: string };

/**
 * What a member of that name takes away (OCI image specification, layer); null when it is an ordinary one.
 *
 * @throws {ImageError} for the mark of a folder itself or of what is above it.
 */
export function parseWhiteoutName(name: string): Whiteout | null {
  if (!name.startsWith(PREFIX) || name === PREFIX) return null;
  if (name === OPAQUE) return { kind: 'opaque' };
  const deleted = name.slice(PREFIX.length);
  if (deleted === '.' || deleted === '..')
    throw new ImageError(`invalid whiteout in tar: ${quotePath(name)}`);
  return { kind: 'delete', name: deleted };
}
