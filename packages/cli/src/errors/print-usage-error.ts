import type { UsageError } from '../command-line/usage-error.ts';
import { paintErr } from '../output/colour.ts';
import { writeErr } from '../output/write.ts';

/** Exit code of a mistake in the command line. */
export const USAGE_EXIT_CODE = 2;

/** Prints a usage error in the layout of the reference command's parser. */
export function printUsageError(error: UsageError): number {
  const lines = [`${paintErr('redBold', 'error:')} ${error.message}`];
  lines.push(...error.details.map((detail) => `  ${detail}`));
  if (error.tip !== undefined) lines.push('', `  ${paintErr('green', 'tip:')} ${error.tip}`);
  if (error.usage !== undefined) lines.push('', `${paintErr('yellowBold', 'Usage:')} ${error.usage}`);
  lines.push('', "For more information, try '--help'.");
  writeErr(`${lines.join('\n')}\n`);
  return USAGE_EXIT_CODE;
}
