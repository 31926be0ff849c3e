import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Flags for a process of which there may be many and which lives long: a small heap and few threads. SIGUSR1, which
 * asks for an orderly end here, starts no debugger once it is listened to; `--disable-sigusr1` would take it from the
 * listener too. `--optimize-for-size` saves 3 MiB at rest, and costs neither the relay nor the log any time.
 */
const NODE_FLAGS = [
  '--max-old-space-size=128',
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--optimize-for-size',
  '--no-warnings',
];

/** Variables that a sandbox process may know; the user's others, secrets among them, stay with the user. */
const INHERITED = new Set(['HOME', 'LANG', 'LC_ALL', 'PATH', 'TMPDIR', 'TZ']);
const SECRET = new Set(['MSB_API_KEY']);

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
    ...inheritedEnv(process.env),
    // Compiled code is kept, so that a start does not spend its time on parsing.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(cacheDir, 'compile'),
    UV_THREADPOOL_SIZE: '2',
  };
  return {
    program: process.execPath,
    args: [...NODE_FLAGS, join(dirname(manifest), 'dist', 'sandbox-process.cjs')],
    env,
  };
}

/** What of the environment goes on to a sandbox process: the basics, and our own settings. */
export function inheritedEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const allowed = ([name]: [string, unknown]): boolean =>
    INHERITED.has(name) || (name.startsWith('MSB_') && !SECRET.has(name));
  return Object.fromEntries(Object.entries(env).filter(allowed));
}
