import { familyOf } from './cidr.ts';
import { formatNetRule } from './format-net-rule.ts';
import type { RuleProtocol, StoredDestination } from './policy.ts';

/** Something that a run tried. */
export interface TriedConnection {
  readonly direction: 'egress' | 'ingress' | 'dns';
  readonly protocol: RuleProtocol;
  readonly address: string | null;
  readonly port: number | null;
  readonly hostname: string | null;
}

/** Rules that allow what was tried, as `--net-rule` takes them, each once. Names are preferred to addresses. */
export function learnRules(tried: readonly TriedConnection[]): string[] {
  return [...new Set(tried.flatMap(ruleFor))];
}

function ruleFor({ direction, protocol, address, port, hostname }: TriedConnection): string[] {
  // Names are looked up at the gateway, which is the host.
  if (direction === 'dns') return ['allow@dns'];
  const destination = destinationOf(direction === 'egress' ? hostname : null, address);
  if (destination === null) return [];
  return formatNetRule({
    direction,
    destination,
    protocols: [protocol],
    ports: port === null ? [] : [{ start: port, end: port }],
    action: 'allow',
  });
}

function destinationOf(hostname: string | null, address: string | null): StoredDestination | null {
  if (hostname !== null) return { domain: hostname };
  const family = address === null ? null : familyOf(address);
  return family === null ? null : { cidr: `${address}/${family === 4 ? 32 : 128}` };
}
