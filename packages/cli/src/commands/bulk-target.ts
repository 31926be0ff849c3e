import type { Invocation, PositionalSpec } from '../command-line/command-spec.ts';
import { UsageError } from '../command-line/usage-error.ts';

/** Commands that act on several sandboxes take names, label selectors, or both (spec: cli 6.1). */
export const BULK_NAMES: PositionalSpec = { name: 'NAMES', about: 'Sandbox names', variadic: true };

export interface BulkOptions {
  readonly label?: readonly string[];
  readonly quiet?: boolean;
}

/** @throws UsageError when nothing was selected */
export function requireTarget({ positionals, options }: Invocation): void {
  if (positionals.length > 0 || options['label'] !== undefined) return;
  throw new UsageError('the following required arguments were not provided:', { details: ['<NAMES>...'] });
}
