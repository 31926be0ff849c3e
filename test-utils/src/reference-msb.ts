import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './run-command.ts';

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

/** What it printed and its exit code. */
export interface ReferenceResult extends Omit<CommandResult, 'stdout'> {
  readonly stdout: string;
}

/** Runs it on a home, which is all that it sees of this machine. */
export async function runReference(
  msb: string,
  home: string,
  args: readonly string[],
  { input }: Pick<CommandOptions, 'input'> = {},
): Promise<ReferenceResult> {
  const env = { HOME: home, MSB_HOME: home };
  const result = await runCommand(msb, args, { env, ...(input !== undefined && { input }) });
  return { ...result, stdout: result.stdout.toString() };
}
