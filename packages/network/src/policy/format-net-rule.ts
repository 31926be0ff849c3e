import { groupWord } from './net-rule-target.ts';
import type { StoredDestination, StoredRule } from './policy.ts';

/**
 * Tokens that `--net-rule` reads back as this rule. A rule for several protocols or port ranges needs several tokens,
 * which stand in the rule's place one after the other.
 */
export function formatNetRule(rule: StoredRule): string[] {
  const direction = rule.direction === 'egress' ? '' : `:${rule.direction}`;
  const head = `${rule.action}${direction}@${formatTarget(rule.destination)}`;
  const protocols = rule.protocols.length === 0 ? ['any'] : rule.protocols;
  const ports =
    rule.ports.length === 0
      ? ['any']
      : rule.ports.map(({ start, end }) => (start === end ? `${start}` : `${start}-${end}`));
  return protocols.flatMap((protocol) =>
    ports.map((port) => {
      if (port !== 'any') return `${head}:${protocol}:${port}`;
      return protocol === 'any' ? head : `${head}:${protocol}`;
    }),
  );
}

function formatTarget(destination: StoredDestination): string {
  if (destination === 'any') return 'any';
  if ('group' in destination) return groupWord(destination.group);
  if ('domain' in destination) {
    return destination.domain.includes('.') ? destination.domain : `domain=${destination.domain}`;
  }
  if ('domain_suffix' in destination) return `suffix=${destination.domain_suffix}`;
  const { cidr } = destination;
  const single = cidr.replace(/^([^:]+)\/32$|^(.*:.*)\/128$/, '$1$2');
  return single.includes(':') ? `[${single}]` : single;
}
