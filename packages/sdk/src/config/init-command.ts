import type { SandboxConfigRecord } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

/** An init program that takes over PID 1, in stored form. */
export type StoredInit = NonNullable<SandboxConfigRecord['init']>;

/** @throws InvalidConfigError */
export function assertInit(init: StoredInit | null): void {
  if (init === null) return;
  if (init.cmd !== 'auto' && !init.cmd.startsWith('/')) {
    throw invalidConfig(`init cmd must be an absolute path or \`auto\`, got: ${JSON.stringify(init.cmd)}`);
  }
  if (/[\0\\]/.test(init.cmd)) throw invalidConfig('init cmd must not contain NUL or backslash');
  if (init.args.some((arg) => arg.includes('\0'))) throw invalidConfig('init args must not contain NUL');
  for (const [key, value] of init.env) {
    if (key === '' || /[=\0]/.test(key)) {
      throw invalidConfig(
        `init env key must be non-empty and must not contain '=' or NUL: ${JSON.stringify(key)}`,
      );
    }
    if (value.includes('\0')) throw invalidConfig(`init env value of "${key}" must not contain NUL`);
  }
}
