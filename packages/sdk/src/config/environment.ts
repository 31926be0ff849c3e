import type { SandboxConfigRecord } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

/** Environment in stored form. */
export type StoredEnv = SandboxConfigRecord['env'];

const RESERVED_PREFIX = 'MSB_';

/** Error for a variable that belongs to the runtime, or null. */
export function reservedVariable(key: string): Error | null {
  return key.startsWith(RESERVED_PREFIX)
    ? invalidConfig(`environment variable "${key}" uses the reserved MSB_ prefix`)
    : null;
}

/** @throws InvalidConfigError */
export function assertEnvironment(env: StoredEnv): void {
  for (const { key } of env) {
    const problem = reservedVariable(key);
    if (problem !== null) throw problem;
  }
}

/** Variables of `base`, replaced or followed by those of `over`, each key once. */
export function mergeEnvironment(base: StoredEnv, over: StoredEnv): StoredEnv {
  const merged = new Map(base.map(({ key, value }) => [key, value]));
  for (const { key, value } of over) merged.set(key, value);
  return [...merged].map(([key, value]) => ({ key, value }));
}
