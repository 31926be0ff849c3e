import { fstatSync } from 'node:fs';

/** File descriptors of the standard streams. */
export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/**
 * True when the descriptor is a terminal. Pipes and files are told apart by their kind, since loading Node's terminal
 * module takes a while.
 */
export function isTerminal(fd: number): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return process.getBuiltinModule('node:tty').isatty(fd);
}
