import { open } from 'node:fs/promises';

const TAIL_BYTES = 16 * 1024;
const MAX_LINES = 40;
const MAX_LINE_CHARACTERS = 400;

/**
 * Last lines of the guest's console, oldest first, without what could move a terminal's cursor: a guest writes
 * what it likes, and people read this on their terminals.
 */
export async function readConsoleTail(kernelLog: string): Promise<string[]> {
  return consoleLines(await readEnd(kernelLog).catch(() => ''));
}

/** The printable lines of a console's text. */
export function consoleLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => printable(line).slice(0, MAX_LINE_CHARACTERS).trimEnd())
    .filter((line) => line !== '')
    .slice(-MAX_LINES);
}

function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return line.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

async function readEnd(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}
