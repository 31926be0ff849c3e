import { createRequire } from 'node:module';
import { RuntimeError } from '@microsandbox/types';
import type { NativeAddon } from './addon.ts';
import { prebuiltPath } from './prebuilt-path.ts';
import { withCodedErrors } from './with-coded-errors.ts';

let loaded: NativeAddon | undefined;

/**
 * The native addon, loaded at the first call.
 *
 * @throws RuntimeError when the binary is missing or does not fit this Node
 */
export function addon(): NativeAddon {
  loaded ??= withCodedErrors(load(prebuiltPath('microsandbox.node')));
  return loaded;
}

function load(path: string): NativeAddon {
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError(`cannot load the native addon ${path}: ${reason}`, {
      cause,
      hint: 'run npm run build on this machine',
    });
  }
}
