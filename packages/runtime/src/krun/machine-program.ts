import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { prepareEntitledNode } from '../macos/entitled-node.ts';

/**
 * Flags that keep the machine's Node small: it runs a dozen lines and then only waits in native code.
 */
const NODE_FLAGS = ['--max-old-space-size=16', '--max-semi-space-size=1', '--v8-pool-size=0', '--jitless'];

/**
 * The Node that may become a machine: this one, or on macOS a copy with the right to.
 *
 * @param cacheDir where the copy is kept
 * @throws MicrosandboxError `vmmNotFound` when macOS lets none be signed
 */
export async function machineNode(cacheDir: string | undefined): Promise<string> {
  if (process.platform !== 'darwin' || cacheDir === undefined) return process.execPath;
  return await prepareEntitledNode({ folder: join(cacheDir, 'hypervisor') });
}

/** Program and arguments that turn into a machine described on descriptor 3. */
export function machineProgram(node = process.execPath): {
  readonly program: string;
  readonly args: readonly string[];
} {
  const manifest = createRequire(import.meta.url).resolve('@microsandbox/runtime/package.json');
  const script = join(dirname(manifest), 'dist/krun-machine.cjs');
  return { program: node, args: [...NODE_FLAGS, '--no-warnings', script] };
}
