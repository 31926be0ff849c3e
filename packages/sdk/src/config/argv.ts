import type { SandboxConfigRecord } from '@microsandbox/types';
import { NoDefaultCommandError } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

/**
 * The command of a sandbox: entrypoint, then cmd; either may be missing or empty.
 *
 * @throws NoDefaultCommandError when both are
 */
export function defaultArgv(config: SandboxConfigRecord): [string, ...string[]] {
  const [command, ...args] = [...(config.runtime.entrypoint ?? []), ...(config.runtime.cmd ?? [])];
  if (command === undefined) {
    throw new NoDefaultCommandError(
      'sandbox has no default command; configure an entrypoint or cmd, or execute a literal command',
    );
  }
  return [command, ...args];
}

/** Checks `entrypoint` or `cmd` (named by `what`) as they are configured. */
export function assertArgv(what: 'entrypoint' | 'cmd', argv: readonly string[] | null): void {
  if (argv === null) return;
  if (what === 'entrypoint' && argv[0] === '') throw invalidConfig('entrypoint executable must not be empty');
  const index = argv.findIndex((token) => token.includes('\0'));
  if (index >= 0) throw invalidConfig(`${what} token at index ${index} contains a NUL byte`);
}
