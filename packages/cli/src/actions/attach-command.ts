import type { Sandbox } from 'microsandbox';
import type { CommandRequest } from './command-request.ts';

/**
 * Runs a command on this terminal and returns its exit code; -1 when the user detached or a signal ended it.
 */
export function attachCommand(
  sandbox: Sandbox,
  [command = '', ...args]: readonly string[],
  request: CommandRequest,
): Promise<number> {
  return sandbox.attachWith(command, (attach) => {
    attach.args(args);
    for (const [key, value] of request.env) attach.env(key, value);
    if (request.workdir !== undefined) attach.cwd(request.workdir);
    if (request.user !== undefined) attach.user(request.user);
    if (request.detachKeys !== undefined) attach.detachKeys(request.detachKeys);
    for (const { resource, soft, hard } of request.rlimits) attach.rlimitRange(resource, soft, hard);
    return attach;
  });
}
