import { BootStartError } from '@microsandbox/types';
import { classifyBootFailure } from '../process/boot-failure.ts';

/** What keeps a sandbox from being started, found before any of its processes ran. */
export function bootStartErrorOf(name: string, error: unknown): BootStartError {
  const { record, kind, hint } = classifyBootFailure({ error, console: [] });
  return new BootStartError(name, record, [], { cause: error, kind, ...(hint !== null && { hint }) });
}
