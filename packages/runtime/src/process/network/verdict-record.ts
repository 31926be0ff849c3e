import type { PolicyVerdictSeen } from '@microsandbox/native';
import { formatNetRule, type StoredPolicy } from '@microsandbox/network';
import type { NetworkLogRecord } from '@microsandbox/types';

/** A verdict as it stands in `network.log`. */
export function verdictRecord(
  verdict: PolicyVerdictSeen,
  policy: StoredPolicy,
  now: Date = new Date(),
): NetworkLogRecord {
  const { action, direction, protocol, address, port, hostname, reason, allowRule, count, first } = verdict;
  const rule = reason.rule === null ? undefined : policy.rules[reason.rule];
  return {
    t: now.toISOString(),
    type: 'verdict',
    action,
    direction,
    protocol,
    address,
    port,
    hostname,
    decided_by: reason.decidedBy,
    rule: rule === undefined ? null : formatNetRule(rule).join(','),
    allow_rule: allowRule,
    count,
    first,
  };
}
