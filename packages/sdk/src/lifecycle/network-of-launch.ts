import { parseNetworkConfig, resolveSecrets } from '@microsandbox/network';
import type { LaunchConfig, SandboxConfigRecord } from '@microsandbox/types';

/**
 * The network as the sandbox process gets it: complete, with the secrets' values read from the environment of whoever
 * starts the sandbox (spec: network 14.8). It travels on a descriptor and stands in no file. Null for a sandbox without
 * a network.
 *
 * @throws InvalidConfigError for a source that has no value
 */
export function networkOfLaunch(
  network: SandboxConfigRecord['network'],
  env: NodeJS.ProcessEnv,
): LaunchConfig['network'] {
  if (!network.enabled) return null;
  const config = parseNetworkConfig(network);
  return { ...config, secrets: resolveSecrets(config.secrets, env) };
}
