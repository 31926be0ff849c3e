import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a script of this folder under the running Node, on the sources of all packages. */
export function startChild(script: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, ['--conditions=@microsandbox/source', path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a script to its end; rejects with what it said when it fails. */
export async function runChild(script: string, args: readonly string[]): Promise<void> {
  const child = startChild(script, args);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
}
