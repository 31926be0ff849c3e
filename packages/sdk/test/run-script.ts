import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a script of this folder under the running Node, on the sources of all packages, in a home. */
export function startScript(script: string, args: readonly string[], home: string): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, ['--conditions=@microsandbox/source', path, ...args], {
    env: { ...process.env, MSB_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a script to its end; rejects with what it said when it fails. */
export async function runScript(script: string, args: readonly string[], home: string): Promise<void> {
  const child = startScript(script, args, home);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}: ${stderr}`);
}
