import type { LaunchConfig } from '@microsandbox/types';

/**
 * Whether a sandbox has something that can change while it runs (spec: runtime A8): secrets. Processors and memory
 * would count too, but no driver reserves any to add.
 */
export function needsControlSocket({ network }: Pick<LaunchConfig, 'network'>): boolean {
  const { secrets } = (network ?? {}) as { readonly secrets?: { readonly secrets?: unknown } | null };
  const list = secrets?.secrets;
  return Array.isArray(list) && list.length > 0;
}
