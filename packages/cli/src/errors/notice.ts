import { paintErr } from '../output/colour.ts';
import { writeErr } from '../output/write.ts';

/**
 * `error: MESSAGE` with its bullets on standard error (spec: cli 13):
 *
 * ```
 * error: MESSAGE
 *   → cause
 *   → hint
 * ```
 */
export function printError(message: string, bullets: readonly string[] = []): void {
  writeErr(notice(paintErr('redBold', 'error:'), message, bullets));
}

/** The same in yellow, for what does not stop the command. */
export function printWarning(message: string, bullets: readonly string[] = []): void {
  writeErr(notice(paintErr('yellowBold', 'warn:'), message, bullets));
}

function notice(label: string, message: string, bullets: readonly string[]): string {
  const lines = bullets.map((bullet) => `  ${paintErr('dim', '→')} ${bullet}\n`);
  return `${label} ${message}\n${lines.join('')}`;
}
