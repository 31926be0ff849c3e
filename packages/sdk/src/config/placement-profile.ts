import type { HostConfig } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

/**
 * The placement profile that the host's configuration gives this name (spec: state 3), null for no name.
 *
 * @throws InvalidConfigError where there is none.
 */
export function placementProfile(host: HostConfig, name: string | null | undefined): unknown {
  if (name === null || name === undefined) return null;
  const { runtime } = host as { runtime?: { placement_profiles?: Record<string, unknown> } };
  const profiles = new Map(Object.entries(runtime?.placement_profiles ?? {}));
  if (profiles.has(name)) return profiles.get(name);
  throw invalidConfig(`placement profile \`${name}\` is not defined in runtime.placement_profiles`);
}
