import { InvalidConfigError } from '@microsandbox/types';
import { Ending } from '../errors/ending.ts';
import { isTerminal, STDIN } from '../output/terminal.ts';
import { writeErr } from '../output/write.ts';

/** More than any token has. */
const MAX_BYTES = 64 * 1024;
const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE = new Set(['\b', '\u007f']);

/**
 * Reads a password from a terminal without showing it, or all of standard input when `fromStdin` says so; line ends at
 * the end do not belong to it.
 *
 * @throws InvalidConfigError without a terminal, or for more than a password
 */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return (await readAll()).replace(/[\r\n]+$/, '');
  if (!isTerminal(STDIN)) {
    throw new InvalidConfigError('non-interactive terminal; use --password-stdin to give the password');
  }
  const { stdin } = process;
  // Before the prompt: what is typed at once must not be shown either.
  stdin.setRawMode(true);
  writeErr('Password/token: ');
  try {
    return await readHidden(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    writeErr('\n');
  }
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    length += (chunk as Buffer).length;
    if (length > MAX_BYTES) throw new InvalidConfigError('the password on standard input is too long');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let password: string[] = [];
    const done = (): void => {
      stdin.off('data', onData);
      resolve(password.join(''));
    };
    const onData = (chunk: Buffer): void => {
      for (const key of chunk.toString('utf8')) {
        if (key === INTERRUPT) reject(new Ending('interrupted', 130));
        if (key === '\r' || key === '\n' || key === END || key === INTERRUPT) {
          done();
          return;
        }
        if (ERASE.has(key)) password = password.slice(0, -1);
        else if (password.length < MAX_BYTES) password.push(key);
      }
    };
    stdin.on('data', onData);
    stdin.once('end', done);
  });
}
