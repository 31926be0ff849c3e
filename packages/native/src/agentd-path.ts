import { prebuiltPath } from './prebuilt-path.ts';

/**
 * Absolute path of the guest agent: a static Linux binary that runs as PID 1 of a sandbox.
 *
 * @throws RuntimeError when it was not built
 */
export function agentdPath(): string {
  return prebuiltPath('agentd');
}
