import type { SandboxConfigRecord } from '@microsandbox/types';
import { CustomError } from '@microsandbox/types';
import { oneOf } from '../config/one-of.ts';
import type { ModificationContext } from './disposition.ts';
import {
  MODIFICATION_POLICIES,
  type ModificationPolicy,
  type ModifyOptions,
  type SandboxModificationPlan,
} from './modification.ts';
import { resourceChanges, resourceConflicts } from './resource-changes.ts';
import { rootDiskChanges, rootDiskConflicts } from './root-disk-changes.ts';
import { secretChanges } from './secret-changes.ts';
import { specChanges, specConflicts } from './spec-changes.ts';

/** @throws Error for an unknown word */
export function modificationPolicy(policy: ModificationPolicy = 'no_restart'): ModificationPolicy {
  const message = `unknown policy "${policy}"; expected "no_restart", "next_start", or "restart"`;
  return oneOf(policy, MODIFICATION_POLICIES, message);
}

/**
 * What a modification would change, when, and what speaks against it (spec: state 23). `live` are the secrets of the
 * running machine.
 */
export function planModification(
  record: SandboxConfigRecord,
  status: ModificationContext['status'],
  options: ModifyOptions,
  live: ReadonlySet<string> = new Set(),
): SandboxModificationPlan {
  const context = { status, policy: modificationPolicy(options.policy) };
  return {
    sandbox: record.name,
    status: status.toLowerCase(),
    applied: false,
    policy: context.policy,
    changes: [
      ...resourceChanges(record, options, context),
      ...rootDiskChanges(record, options, context),
      ...specChanges(record, options, context),
      ...secretChanges(record, options, context, live),
    ],
    conflicts: [
      ...resourceConflicts(record, options),
      ...rootDiskConflicts(record, options),
      ...specConflicts(options),
    ],
    warnings: [],
    resizeStatus: [],
  };
}

/**
 * Refuses a plan that cannot be carried out whole.
 *
 * @throws CustomError for the first obstacle
 */
export function assertApplicable({ conflicts, changes, policy }: SandboxModificationPlan): void {
  const refuse = (reason: string): CustomError => new CustomError(`cannot apply modification: ${reason}`);
  const [conflict] = conflicts;
  if (conflict !== undefined) throw refuse(conflict.message);
  for (const change of changes) {
    const what = change.kind === 'secret' ? `secret ${change.name}` : change.field;
    if (change.disposition === 'unsupported') {
      const reason = change.kind === 'secret' && change.reason !== undefined ? ` (${change.reason})` : '';
      throw refuse(`${what} is unsupported${reason}`);
    }
    if (change.disposition === 'requires restart' && policy !== 'restart') {
      throw refuse(`${what} requires restart`);
    }
  }
}

/** Whether carrying the plan out needs a restart. */
export function needsRestart({ changes }: SandboxModificationPlan): boolean {
  return changes.some(({ disposition }) => disposition === 'requires restart');
}
