import { invalidConfig } from '../config/invalid-config.ts';

/** Keys that leave an attached program running, when nothing else was chosen. */
export const DEFAULT_DETACH_KEYS = 'ctrl-]';

const CONTROL_SYMBOLS: Readonly<Record<string, number>> = {
  '@': 0x00,
  '[': 0x1b,
  '\\': 0x1c,
  ']': 0x1d,
  '^': 0x1e,
  _: 0x1f,
};

/**
 * Reads a detach sequence: comma-separated parts, each `ctrl-<c>` or one byte (spec: sdk 14.7).
 *
 * @throws InvalidConfigError
 */
export function parseDetachKeys(spec: string): Uint8Array {
  return Uint8Array.from(spec.split(',').map((part) => keyCode(part.trim())));
}

function keyCode(part: string): number {
  const control = /^ctrl-(.)$/s.exec(part)?.[1];
  if (control !== undefined) {
    if (/[a-zA-Z]/.test(control)) return control.toLowerCase().charCodeAt(0) - 0x60;
    const symbol = CONTROL_SYMBOLS[control];
    if (symbol !== undefined) return symbol;
  } else if (Buffer.byteLength(part) === 1) {
    return part.charCodeAt(0);
  }
  throw invalidConfig(`invalid detach key: ${part}`);
}
