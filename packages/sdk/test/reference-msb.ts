import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The reference implementation's command, where its package is installed; else null. */
export function referenceMsb(): string | null {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve('@superradcompany/microsandbox-linux-x64-gnu/package.json');
    const path = join(dirname(manifest), 'bin', 'msb');
    return existsSync(path) && process.platform === 'linux' && process.arch === 'x64' ? path : null;
  } catch {
    return null;
  }
}

/** Runs it on a home; what it prints and its exit code. */
export async function runReference(
  msb: string,
  home: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  const options = { env: { MSB_HOME: home }, timeout: 60_000 };
  return promisify(execFile)(msb, [...args], options).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
}
