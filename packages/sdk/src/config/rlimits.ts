import type { SandboxConfigRecord } from '@microsandbox/types';
import { type Rlimit, type RlimitResource, RlimitResources } from '../values.ts';
import { invalidConfig } from './invalid-config.ts';
import { oneOf } from './one-of.ts';

/** A resource limit in stored form. */
export type StoredRlimit = SandboxConfigRecord['rlimits'][number];

/** Makes a limit; throws for an unknown resource. Whether soft exceeds hard is checked when it is used. */
export function rlimit(resource: RlimitResource, soft: number, hard: number): Rlimit {
  const known = oneOf(resource, RlimitResources, `unknown rlimit resource \`${resource}\``);
  return { resource: known, soft: toU32(soft), hard: toU32(hard) };
}

/** @throws InvalidConfigError when a soft limit exceeds its hard one */
export function assertRlimits(limits: readonly { resource: string; soft: number; hard: number }[]): void {
  for (const { resource, soft, hard } of limits) {
    if (soft > hard) {
      throw invalidConfig(`rlimit ${resource.toLowerCase()}: soft (${soft}) must not exceed hard (${hard})`);
    }
  }
}

/** `nofile` in stored form is `Nofile`. */
export function storedRlimit({ resource, soft, hard }: Rlimit): StoredRlimit {
  return { resource: resource.charAt(0).toUpperCase() + resource.slice(1), soft, hard };
}

function toU32(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw invalidConfig(`rlimit value must be an integer between 0 and 4294967295, got ${value}`);
  }
  return value;
}
