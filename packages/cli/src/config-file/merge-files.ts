import type { SecretFile } from './network-schema.ts';
import type { SandboxFile } from './sandbox-schema.ts';

/**
 * One description out of two: what the later one says goes before; maps and the parts of the network are put together
 * key by key, lists replaced (spec: cli 5).
 */
export function mergeFiles(earlier: SandboxFile, later: SandboxFile): SandboxFile {
  const merged: SandboxFile = { ...earlier, ...later };
  const maps = {
    env: { ...earlier.env, ...later.env },
    labels: { ...earlier.labels, ...later.labels },
    scripts: { ...earlier.scripts, ...later.scripts },
    network: {
      ...earlier.network,
      ...later.network,
      dns: { ...earlier.network?.dns, ...later.network?.dns },
      tls: { ...earlier.network?.tls, ...later.network?.tls },
    },
    secrets: mergeSecrets(earlier.secrets, later.secrets),
  };
  const { init } = later;
  return {
    ...merged,
    ...maps,
    ...(init && { init: { ...earlier.init, ...init, env: { ...earlier.init?.env, ...init.env } } }),
  };
}

function mergeSecrets(
  earlier: Readonly<Record<string, SecretFile>> = {},
  later: Readonly<Record<string, SecretFile>> = {},
): Record<string, SecretFile> {
  const names = [...Object.keys(earlier), ...Object.keys(later)];
  return Object.fromEntries(names.map((name) => [name, { ...earlier[name], ...later[name] }]));
}
