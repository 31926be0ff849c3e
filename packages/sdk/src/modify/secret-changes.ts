import { parseHostPattern, parseNetworkConfig, type SecretEntry } from '@microsandbox/network';
import type { SandboxConfigRecord } from '@microsandbox/types';
import { dispositionOf, type ModificationContext } from './disposition.ts';
import type {
  ModifyOptions,
  SecretChangeKind,
  SecretModifySpec,
  SecretPlannedChange,
} from './modification.ts';

const STORE_REASON = 'store-backed secret sources are not supported yet';
const RESTART_REASON = 'the guest gets its placeholders when it starts';

/** A running machine takes these at its control socket. */
const LIVE: readonly SecretChangeKind[] = ['rotated', 'hosts updated', 'removed'];

/**
 * Changes of secrets, names in order (spec: network 14.9). `live` are the secrets that the running machine was started
 * with. Removing one that there is not is no change.
 *
 * @throws Error for a secret with more than one source
 */
export function secretChanges(
  record: SandboxConfigRecord,
  options: ModifyOptions,
  context: ModificationContext,
  live: ReadonlySet<string>,
): SecretPlannedChange[] {
  const present = new Map(secretsOf(record).map((secret) => [secret.env_var, secret]));
  const changeOf = (
    name: string,
    change: SecretChangeKind,
    spec: SecretModifySpec = {},
  ): SecretPlannedChange => ({
    kind: 'secret',
    field: 'secret',
    name,
    change,
    ...(spec.store === undefined
      ? dispositionOfSecret(change, context, live.has(name))
      : { disposition: 'unsupported', reason: STORE_REASON }),
    allowHosts: [...(spec.allowedHosts ?? [])],
  });
  const set = Object.entries(options.secrets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...set.map(([name, spec]) => changeOf(name, kindOf(name, spec, present.get(name)), spec)),
    ...(options.secretsRemove ?? [])
      .filter((name) => present.has(name))
      .map((name) => changeOf(name, 'removed')),
  ];
}

/** The secrets of a record, complete. */
export function secretsOf({ network }: SandboxConfigRecord): readonly SecretEntry[] {
  return parseNetworkConfig(network).secrets.secrets;
}

/** Whether a spec brings a new value. */
export function hasMaterial({ env, value }: SecretModifySpec): boolean {
  return env !== undefined || value !== undefined;
}

function kindOf(name: string, spec: SecretModifySpec, present: SecretEntry | undefined): SecretChangeKind {
  assertOneSource(name, spec);
  if (present === undefined) return 'added';
  if (spec.placeholder !== undefined && spec.placeholder !== present.placeholder)
    return 'placeholder updated';
  return hasMaterial(spec) ? 'rotated' : 'hosts updated';
}

function dispositionOfSecret(
  change: SecretChangeKind,
  context: ModificationContext,
  isLive: boolean,
): Pick<SecretPlannedChange, 'disposition' | 'reason'> {
  const usual = dispositionOf(context, RESTART_REASON);
  const canBeLive = isLive && LIVE.includes(change);
  return usual.disposition === 'requires restart' && canBeLive ? { disposition: 'live' } : usual;
}

/** A secret with everything changed. */
export function modifiedSecret(
  name: string,
  spec: SecretModifySpec,
  present: SecretEntry | undefined,
): Partial<SecretEntry> & Pick<SecretEntry, 'env_var'> {
  const { source, ...rest } = present ?? { env_var: name, value: '', source: undefined };
  return {
    ...rest,
    ...(spec.value !== undefined && { value: spec.value }),
    ...(spec.env !== undefined && { value: '', source: { kind: 'env', var: spec.env } }),
    ...(!hasMaterial(spec) && source !== undefined && { source }),
    ...(spec.placeholder !== undefined && { placeholder: spec.placeholder }),
    ...(spec.allowedHosts !== undefined && { allowed_hosts: spec.allowedHosts.map(parseHostPattern) }),
  };
}

function assertOneSource(name: string, spec: SecretModifySpec): void {
  const [first, second] = (['env', 'value', 'store'] as const).filter((source) => spec[source] !== undefined);
  if (first === undefined || second === undefined) return;
  throw new Error(`secret "${name}": "${first}" and "${second}" are mutually exclusive; set at most one`);
}
