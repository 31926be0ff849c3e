import type { SandboxModificationPlan } from 'microsandbox';

/** A plan as `msb modify --format json` prints it: keys in this order, absent ones left out (spec: cli 6.18). */
export function planJson(plan: SandboxModificationPlan): string {
  const { sandbox, status, applied, policy, conflicts, warnings, resizeStatus } = plan;
  const changes = plan.changes.map((change) => {
    const { kind, field, disposition, reason } = change;
    if (change.kind === 'config') {
      const { before, after } = change;
      return { kind, field, change: change.change, before, after, disposition, reason };
    }
    const { name, beforeRef: before_ref, afterRef: after_ref, allowHosts } = change;
    const allow_hosts = allowHosts.length > 0 ? allowHosts : undefined;
    return {
      kind,
      field,
      name,
      change: change.change,
      before_ref,
      after_ref,
      disposition,
      allow_hosts,
      reason,
    };
  });
  const value = {
    sandbox,
    status,
    applied,
    policy,
    changes,
    conflicts,
    warnings,
    resize_status: resizeStatus.length > 0 ? resizeStatus : undefined,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
