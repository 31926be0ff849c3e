import { Sandbox, type SandboxModificationPlan } from 'microsandbox';
import type { ModifyCommandOptions } from '../commands/modify.ts';
import { printError } from '../errors/notice.ts';
import { blockerOf } from '../modify/blockers.ts';
import { planJson } from '../modify/plan-json.ts';
import { planTable, resizeTable, showsEffect } from '../modify/plan-tables.ts';
import { requestedChanges, typedChanges } from '../modify/requested-changes.ts';
import { paintErr, paintOut } from '../output/colour.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { succeeded } from '../progress/action-line.ts';

/** `msb modify` (spec: cli 6.18): plans, refuses what cannot be applied whole, applies. */
export async function modifySandbox(name: string, options: ModifyCommandOptions): Promise<number> {
  const changes = requestedChanges(options);
  const handle = await Sandbox.get(name);
  const plan = await handle.modify({ ...changes, dryRun: true });
  const asJson = options.format === 'json';
  if (options.dryRun) {
    if (asJson) writeOut(planJson(plan));
    else printPlan(plan);
    return 0;
  }
  const blocker = blockerOf(plan, typedChanges(options));
  if (blocker !== null) {
    if (asJson) writeOut(planJson(plan));
    else printError(blocker.title, blocker.bullets);
    return 1;
  }
  const applied = await handle.modify(changes);
  if (asJson) writeOut(planJson(applied));
  else printSuccess(applied);
  return 0;
}

function printPlan(plan: SandboxModificationPlan): void {
  writeOut(planTable(plan, paintOut));
  printWarnings(plan);
  const when = showsEffect(plan) ? '' : 'applies on next start · ';
  writeErr(paintErr('dim', `   dry run · ${when}nothing applied`));
  writeErr('\n');
}

function printSuccess(plan: SandboxModificationPlan): void {
  const later = plan.policy === 'next_start' && showsEffect(plan);
  succeeded('Modified', `${plan.sandbox}${later ? paintErr('dim', ' (next start)') : ''}`);
  const restarted = plan.changes.some(({ disposition }) => disposition === 'requires restart');
  if (restarted) succeeded('Restarted', plan.sandbox);
  printWarnings(plan);
  writeOut(resizeTable(plan, paintOut));
}

function printWarnings({ warnings }: SandboxModificationPlan): void {
  for (const { field, message } of warnings) writeErr(`${paintErr('dim', `   ! ${field}: ${message}`)}\n`);
}
