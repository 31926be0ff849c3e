import type { LaunchConfig, SandboxConfigRecord } from '@microsandbox/types';
import { defaultArgv } from '../config/argv.ts';

/**
 * The sandbox's default command as its startup command: the sandbox lives as long as the command.
 *
 * @throws NoDefaultCommandError
 */
export function startupCommandOf(config: SandboxConfigRecord): NonNullable<LaunchConfig['startup']> {
  const [cmd, ...args] = defaultArgv(config);
  return {
    cmd,
    args,
    env: config.env.map(({ key, value }) => `${key}=${value}`),
    cwd: config.runtime.workdir,
    user: config.runtime.user,
  };
}
