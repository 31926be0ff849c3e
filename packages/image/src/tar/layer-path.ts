import { ImageError } from '@microsandbox/types';
import { quotePath } from '../tree/quote-path.ts';
import type { LayerLimits } from './layer-limits.ts';

/** Linux: NAME_MAX. */
const MAX_COMPONENT_BYTES = 255;

/** A component that is empty or starts with a dot, or a NUL: anything that splitting alone does not settle. */
const NEEDS_CARE = /(?:^|\/)(?:\.|\/|$)|\0/;

/**
 * Components of a member's path below the layer's root; empty for the root itself. Leading and doubled slashes
 * and `.` components say nothing and are left out.
 *
 * @throws {ImageError} for `..`, NUL bytes and whatever Linux or the limits do not allow.
 */
export function layerPathComponents(
  path: string,
  limits: Pick<LayerLimits, 'pathBytes' | 'pathComponents'>,
): string[] {
  if (path.length > limits.pathBytes && trimPath(path).length > limits.pathBytes) {
    throw new ImageError(`path too long: ${quoteMemberPath(path)}`);
  }
  const components = NEEDS_CARE.test(path) ? carefulSplit(path) : path.split('/');
  if (components.length > limits.pathComponents) {
    throw new ImageError(`path too deep: ${quoteMemberPath(path)}`);
  }
  for (const component of components) {
    if (component.length > MAX_COMPONENT_BYTES) {
      throw new ImageError(`file name too long: ${quotePath(component)}`);
    }
  }
  return components;
}

/** A member's path in an error message: without what says nothing at its ends. */
export function quoteMemberPath(path: string): string {
  return quotePath(trimPath(path));
}

function trimPath(path: string): string {
  return path.replace(/^\.\//, '').replace(/^\/+/, '').replace(/\/+$/, '');
}

function carefulSplit(path: string): string[] {
  if (path.includes('\0')) throw new ImageError(`NUL byte in path: ${quoteMemberPath(path)}`);
  const components = path.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) throw new ImageError(`path traversal in tar: ${quoteMemberPath(path)}`);
  return components;
}
