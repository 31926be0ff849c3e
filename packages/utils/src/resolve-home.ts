import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Root folder of all state: `MSB_HOME` verbatim when set (even when empty), else `~/.microsandbox`, else
 * `./.microsandbox` for a user without a home (spec: state 1).
 */
export function resolveHome(env: NodeJS.ProcessEnv = process.env): string {
  const explicit = env['MSB_HOME'];
  if (explicit !== undefined) return explicit;
  const userHome = env['HOME'] || homedir();
  return join(userHome || '.', '.microsandbox');
}
