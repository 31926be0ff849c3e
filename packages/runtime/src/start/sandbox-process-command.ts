import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Flags for a process of which there may be many and which lives long: a small heap, few threads, and no debugger
 * on SIGUSR1, which asks for an orderly end here.
 */
const NODE_FLAGS = [
  '--max-old-space-size=128',
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--disable-sigusr1',
  '--no-warnings',
];

/** Program, leading arguments and environment of a sandbox process. */
export interface SandboxProcessCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** How to start the bundled sandbox process under this very Node. */
export function sandboxProcessCommand(cacheDir: string): SandboxProcessCommand {
  const manifest = createRequire(import.meta.url).resolve('@microsandbox/runtime/package.json');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // Compiled code is kept, so that a start does not spend its time on parsing.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(cacheDir, 'compile'),
    UV_THREADPOOL_SIZE: '2',
  };
  // Made for the user's own program; an inspector port or a preload has no business here.
  delete env['NODE_OPTIONS'];
  return {
    program: process.execPath,
    args: [...NODE_FLAGS, join(dirname(manifest), 'dist', 'sandbox-process.cjs')],
    env,
  };
}
