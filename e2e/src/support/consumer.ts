import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CommandOptions, type CommandResult, runCommand } from '@microsandbox/test-utils';
import { inject } from 'vitest';

/** The project with the installed tarballs. */
export const consumer = inject('consumer');

/** The SDK as a user's ES module imports it. */
export async function importSdk(): Promise<typeof import('microsandbox')> {
  const entry = createRequire(join(consumer, 'package.json')).resolve('microsandbox/package.json');
  return import(/* @vite-ignore */ pathToFileURL(join(entry, '../dist/index.js')).href);
}

/** Runs the installed `msb`. */
export function msb(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runCommand(join(consumer, 'node_modules/.bin/msb'), args, { timeoutMs: 120_000, ...options });
}
