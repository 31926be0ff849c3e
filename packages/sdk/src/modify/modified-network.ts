import { defaultPlaceholder, parseNetworkConfig } from '@microsandbox/network';
import type { SandboxConfigRecord } from '@microsandbox/types';
import type { ModifyOptions } from './modification.ts';
import { modifiedSecret, secretsOf } from './secret-changes.ts';

/**
 * The network with its secrets changed; what else stands in it is kept as it is. A first secret switches interception
 * on, without which it could reach nobody.
 *
 * @throws InvalidConfigError for a secret that could not work
 */
export function modifiedNetwork(
  record: SandboxConfigRecord,
  { secrets = {}, secretsRemove = [] }: ModifyOptions,
): SandboxConfigRecord['network'] {
  const { network } = record;
  if (Object.keys(secrets).length === 0 && secretsRemove.length === 0) return network;
  const entries = new Map<string, unknown>(secretsOf(record).map((secret) => [secret.env_var, secret]));
  const present = new Map(secretsOf(record).map((secret) => [secret.env_var, secret]));
  for (const [name, spec] of Object.entries(secrets)) {
    const changed = modifiedSecret(name, spec, present.get(name));
    entries.set(name, { placeholder: defaultPlaceholder(name), allowed_hosts: [], ...changed });
  }
  for (const name of secretsRemove) entries.delete(name);
  const { on_violation } = parseNetworkConfig(network).secrets;
  const isFirst = present.size === 0 && entries.size > 0;
  const tls = isFirst ? { tls: { ...(network['tls'] as object | undefined), enabled: true } } : {};
  const modified = { ...network, ...tls, secrets: { secrets: [...entries.values()], on_violation } };
  parseNetworkConfig(modified);
  return modified;
}
