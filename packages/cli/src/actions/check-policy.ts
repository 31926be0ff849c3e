import { lookup } from 'node:dns/promises';
import { addon } from '@microsandbox/native';
import {
  checkDestination,
  type DestinationVerdict,
  defaultPolicy,
  parseNetworkConfig,
  planNetwork,
  type StoredPolicy,
} from '@microsandbox/network';
import { CustomError } from '@microsandbox/types';
import { Sandbox } from 'microsandbox';
import type { PolicyCheckOptions } from '../commands/policy.ts';
import { renderJson } from '../output/json.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { parseDestination } from '../values/destination.ts';
import { policyOfOptions } from './policy-of-options.ts';

/** `msb policy check`: what would happen and why. Exit code 1 when it would be refused. */
export async function checkPolicy(
  positionals: readonly string[],
  options: PolicyCheckOptions,
): Promise<number> {
  const [first, second] = positionals;
  const text = second ?? first;
  if (text === undefined) throw new CustomError('a destination is required: HOST[:PORT[/PROTO]]');
  const destination = parseDestination(text);
  const name = second === undefined ? undefined : first;
  const policy = policyOfOptions(options) ?? (name === undefined ? defaultPolicy() : await policyOf(name));
  const families = { ipv4: true, ipv6: true };
  const { addresses } = planNetwork({
    natives: addon(),
    document: {},
    profile: 'single_tenant',
    slot: 1,
    families,
  });
  const steps = await checkDestination({
    natives: addon(),
    policy,
    addresses,
    destination,
    lookup: addressesOf,
  });
  writeOut(options.format === 'json' ? renderJson(steps.map(stepJson)) : steps.map(stepLine).join(''));
  const connections = steps.filter(({ step }) => step === 'connection');
  if (connections.length === 0) writeErr(`${destination.host} has no address here; ask about one instead\n`);
  const isRefused = steps.some(({ step, action }) => step === 'dns' && action === 'deny');
  return !isRefused && connections.some(({ action }) => action === 'allow') ? 0 : 1;
}

async function policyOf(name: string): Promise<StoredPolicy> {
  const { activeConfigJson, configJson } = await Sandbox.get(name);
  const { network } = JSON.parse(activeConfigJson ?? configJson) as { readonly network?: unknown };
  return parseNetworkConfig(network).policy;
}

async function addressesOf(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true }).catch(() => []);
  return [...new Set(found.map(({ address }) => address))];
}

function stepLine({
  step,
  address,
  protocol,
  port,
  action,
  decidedBy,
  rule,
  allowRule,
}: DestinationVerdict): string {
  const endpoint = port === null ? address : `${address?.includes(':') ? `[${address}]` : address}:${port}`;
  const what = step === 'dns' ? 'look-up of the name' : `${endpoint}/${protocol}`;
  const why = rule === null ? `by the ${decidedBy}` : `by rule ${rule}`;
  const way = allowRule === null ? '' : `; allow it with --net-rule '${allowRule}'`;
  return `${action.padEnd(5)} ${what} ${why}${way}\n`;
}

function stepJson({ decidedBy, allowRule, ...rest }: DestinationVerdict): Readonly<Record<string, unknown>> {
  return { ...rest, decided_by: decidedBy, allow_rule: allowRule };
}
