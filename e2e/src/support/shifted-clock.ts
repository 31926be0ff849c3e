import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Put before a program's own code: its wall clock is off by as many seconds as the file says. */
const preload = (file: string): string => `
const { readFileSync } = require('node:fs');
const now = Date.now;
Date.now = () => now() + 1000 * Number(readFileSync(${JSON.stringify(file)}, 'utf8'));
`;

/** A wall clock for sandbox processes that can be set without touching the machine's. */
export interface ShiftedClock extends AsyncDisposable {
  /** Sandboxes that `work` starts go by this clock. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** From now on the clock is so many seconds ahead of the machine's. */
  shift(seconds: number): Promise<void>;
}

/** Makes a clock that agrees with the machine's. */
export async function startShiftedClock(): Promise<ShiftedClock> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-clock-'));
  const [shift, code, node] = ['shift', 'clock.cjs', 'node'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(shift, '0');
  await writeFile(code, preload(shift));
  await writeFile(node, `#!/bin/sh\nexec '${process.execPath}' --require '${code}' "$@"\n`);
  await chmod(node, 0o755);
  return {
    async during(work) {
      // Sandbox processes run under the Node that starts them.
      const before = process.execPath;
      process.execPath = node;
      try {
        return await work();
      } finally {
        process.execPath = before;
      }
    },
    async shift(seconds) {
      await writeFile(`${shift}.new`, String(seconds));
      await rename(`${shift}.new`, shift);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
