import type { SandboxModificationPlan } from 'microsandbox';

/** Why a modification is refused, for `printError`. */
export interface Blocker {
  readonly title: string;
  readonly bullets: readonly string[];
}

const NOTHING_APPLIED = 'no changes were applied';

/**
 * The first thing that keeps a plan from being carried out whole, or null (spec: cli 6.18). `typed` are the changes
 * as they stood on the command line.
 */
export function blockerOf(plan: SandboxModificationPlan, typed: string): Blocker | null {
  const { sandbox, conflicts, changes, policy } = plan;
  const [conflict] = conflicts;
  if (conflict !== undefined) {
    return { title: `cannot modify "${sandbox}"`, bullets: [conflict.message, NOTHING_APPLIED] };
  }
  const unsupported = changes.filter(({ disposition }) => disposition === 'unsupported');
  if (unsupported.length > 0) {
    const lines = unsupported.map((change) =>
      change.kind === 'secret'
        ? `secret ${change.name}: ${change.reason ?? 'unsupported'}`
        : `${change.field} is unsupported${change.reason === undefined ? '' : `: ${change.reason}`}`,
    );
    return {
      title: `cannot apply this modification to "${sandbox}" yet`,
      bullets: [...lines, NOTHING_APPLIED],
    };
  }
  const restarts = changes.filter(({ disposition }) => disposition === 'requires restart');
  if (restarts.length === 0 || policy === 'restart') return null;
  const command = `msb modify ${sandbox} ${typed}`;
  return {
    title: `cannot modify "${sandbox}" without a restart`,
    bullets: [
      ...restarts.map((change) => `${nameOf(change)} requires restart: ${transition(change)}`),
      NOTHING_APPLIED,
      `run \`${command} --restart\` to apply now`,
      `run \`${command} --next-start\` to save for the next start`,
    ],
  };
}

type Change = SandboxModificationPlan['changes'][number];

function nameOf(change: Change): string {
  return change.kind === 'secret' ? `secret ${change.name}` : change.field;
}

function transition(change: Change): string {
  const [before, after] =
    change.kind === 'secret' ? [change.beforeRef, change.afterRef] : [change.before, change.after];
  return `${before ?? '-'} -> ${after ?? '-'}`;
}
