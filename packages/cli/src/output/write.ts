import { writeSync } from 'node:fs';
import { closedPipe, isEnding } from '../errors/ending.ts';
import { hostError } from '../errors/host-error.ts';
import { STDERR, STDOUT } from './terminal.ts';

/**
 * Writes text to standard output: data, never anything else (spec: cli 1.7).
 *
 * @throws Ending when its reader went away
 * @throws IoError when it cannot be written
 */
export function writeOut(text: string): void {
  writeAll(STDOUT, text);
}

/** Writes text to standard error. A reader that went away is no reason to stop working. */
export function writeErr(text: string): void {
  try {
    writeAll(STDERR, text);
  } catch (error) {
    if (!isEnding(error)) throw error;
  }
}

/**
 * Writes at once, past the stream objects: they load a good part of Node, which a command that prints one table does
 * not need, and what is written is out when the process ends.
 */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || code === 'EBADF') throw closedPipe();
      if (code !== 'EAGAIN') throw hostError(fd === STDERR ? 'standard error' : 'standard output', error);
      // A non-blocking pipe that is full: give its reader a moment.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
