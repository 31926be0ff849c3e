import { createInterface } from 'node:readline/promises';

/** Asks on standard error; only `y` means yes (spec: cli 14.6). Standard input must be a terminal. */
export async function confirm(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // The end of input is a no.
  const closed = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([asking.question(`${question} [y/N] `), closed]);
    return /^[yY]$/.test(answer.trim());
  } finally {
    asking.close();
  }
}
