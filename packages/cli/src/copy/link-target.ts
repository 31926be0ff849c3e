import { posix } from 'node:path';
import { CustomError } from '@microsandbox/types';
import { type ByteName, byteName, nameText } from './byte-name.ts';

/** A link of a guest on its way to the host. */
export interface GuestLink {
  /** Names from the copied root down; empty when the root itself is the link. */
  readonly path: readonly ByteName[];
  readonly target: ByteName;
  /** The copied root in the guest. */
  readonly root: string;
}

/**
 * The target that a guest's link may have on the host: a relative one that leads nowhere but into the copy.
 *
 * Climbing is done first, from the folder that really holds the link, and never behind a name, which could be another
 * link. So no chain of links can leave the copy either. Absolute targets are taken as paths in the copy: those
 * below the copied root from there, others as if the copy were the guest's `/`.
 *
 * @throws CustomError when the target escapes
 */
export function hostLinkTarget({ path, target, root }: GuestLink): ByteName {
  const folders = path.slice(0, -1);
  if (target.startsWith('/')) return relativeTo(folders, belowRoot(target, byteName(root)));
  const climbing = climbsBehindName(target) ? posix.normalize(target) : target;
  const climbs = climbing.split('/').filter((name) => name === '..').length;
  if (climbs <= folders.length) return climbing;
  throw new CustomError(
    `refusing to create symlink ${posix.join(root, ...path.map(nameText))} -> ${nameText(target)}: target escapes the copy destination`,
  );
}

/** Whether a `..` follows a name, as in `a/../b`. */
function climbsBehindName(target: ByteName): boolean {
  const steps = target.split('/').filter((name) => name !== '' && name !== '.');
  return (
    steps.lastIndexOf('..') > steps.findIndex((name) => name !== '..') && steps.some((name) => name !== '..')
  );
}

/** Names below the copy's root that an absolute target means. */
function belowRoot(target: ByteName, root: ByteName): readonly ByteName[] {
  const names = posix.normalize(target).split('/').filter(Boolean);
  const above = posix.normalize(root).split('/').filter(Boolean);
  return above.every((name, index) => names[index] === name) ? names.slice(above.length) : names;
}

function relativeTo(folders: readonly ByteName[], names: readonly ByteName[]): ByteName {
  return [...folders.map(() => '..'), ...names].join('/') || '.';
}
