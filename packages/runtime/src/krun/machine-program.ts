import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Flags that keep the machine's Node small: it runs a dozen lines and then only waits in native code.
 */
const NODE_FLAGS = ['--max-old-space-size=16', '--max-semi-space-size=1', '--v8-pool-size=0', '--jitless'];

/** Program and arguments that turn into a machine described on descriptor 3. */
export function machineProgram(): { readonly program: string; readonly args: readonly string[] } {
  const manifest = createRequire(import.meta.url).resolve('@microsandbox/runtime/package.json');
  const script = join(dirname(manifest), 'dist/krun-machine.cjs');
  return { program: process.execPath, args: [...NODE_FLAGS, '--no-warnings', script] };
}
