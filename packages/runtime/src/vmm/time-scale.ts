import type { Accelerator } from '@microsandbox/types';

/** How much longer a guest may take under an accelerator than on hardware. */
export function timeScale(accelerator: Accelerator): number {
  return accelerator === 'tcg' ? 6 : 1;
}
