import type { BulkOptions } from '../commands/bulk-target.ts';
import { printWarning } from '../errors/notice.ts';
import { renderError } from '../errors/render-error.ts';
import { allSandboxes } from './all-sandboxes.ts';

/**
 * Does something with every selected sandbox, one after the other: named ones in their order, then those the labels
 * select. A failure is printed and the next one is tried; the exit code is 1 when any failed (spec: cli 6.1). With
 * `--quiet` it is the only word about failures, unless they are `loud`.
 */
export async function forEachTarget(
  names: readonly string[],
  options: BulkOptions,
  act: (name: string) => Promise<void>,
  { loud = false }: { readonly loud?: boolean } = {},
): Promise<number> {
  const targets = new Set(names);
  if (options.label !== undefined) {
    for (const { name } of await allSandboxes(options.label)) targets.add(name);
  }
  if (targets.size === 0) {
    if (!options.quiet) printWarning('no sandboxes matched the given labels');
    return 0;
  }
  let failures = 0;
  for (const name of targets) {
    try {
      await act(name);
    } catch (error) {
      failures += 1;
      if (loud || !options.quiet) renderError(error);
    }
  }
  return failures === 0 ? 0 : 1;
}
