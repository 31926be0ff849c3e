import { formatDuration } from '@microsandbox/utils';
import { paintErr } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { writeErr } from '../output/write.ts';

/** Width of the verb's column. */
export const VERB_WIDTH = 12;
/** Work shorter than this is not timed, in milliseconds. */
const WORTH_TIMING_MS = 500;

/** `   ✓ Stopped      web (1.2s)` on standard error (spec: cli 14.2). */
export function succeeded(verb: string, target: string, elapsedMs = 0): void {
  const time = elapsedMs > WORTH_TIMING_MS ? paintErr('dim', ` (${formatDuration(elapsedMs)})`) : '';
  writeErr(`   ${paintErr('green', '✓')} ${padEnd(verb, VERB_WIDTH)} ${target}${time}\n`);
}

/** `   ✗ Pulling      alpine`. */
export function failed(verb: string, target: string): void {
  writeErr(`   ${paintErr('red', '✗')} ${padEnd(verb, VERB_WIDTH)} ${target}\n`);
}
